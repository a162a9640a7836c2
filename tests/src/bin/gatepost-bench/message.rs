//! Mail to send: different each time, the same for each number.

const WORDS: [&str; 32] = [
    "the",
    "order",
    "of",
    "yesterday",
    "report",
    "meeting",
    "please",
    "find",
    "attached",
    "invoice",
    "regards",
    "we",
    "have",
    "moved",
    "to",
    "a",
    "new",
    "office",
    "and",
    "would",
    "like",
    "your",
    "answer",
    "before",
    "Friday",
    "number",
    "garden",
    "project",
    "river",
    "letter",
    "with",
    "thanks",
];

/// Message `number`, with CRLF line ends, dot-stuffed and with the final dot.
pub fn make(number: usize, recipient: &str, size: usize) -> Vec<u8> {
    let mut random = (number as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut text = format!(
        "From: Sender {number} <sender@bench.example>\r\nTo: <{recipient}>\r\nSubject: Message {number}\r\n\
         Date: Sat, 21 Nov 2026 10:00:00 +0000\r\nMessage-ID: <{number}.{random:x}@bench.example>\r\n\
         MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=\"part-{number}\"\r\n\r\n\
         --part-{number}\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
    );
    words(&mut text, &mut random, size / 2);
    text.push_str(&format!("\r\n--part-{number}\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<html><body><p>\r\n"));
    words(&mut text, &mut random, size);
    text.push_str(&format!("</p></body></html>\r\n--part-{number}--\r\n.\r\n"));
    text.into_bytes()
}

fn words(text: &mut String, random: &mut u64, until: usize) {
    let mut column = 0;
    while text.len() < until {
        *random ^= *random << 13;
        *random ^= *random >> 7;
        *random ^= *random << 17;
        let word = WORDS[(*random % WORDS.len() as u64) as usize];
        text.push_str(word);
        column += word.len() + 1;
        text.push_str(if column > 70 { "\r\n" } else { " " });
        column = if column > 70 { 0 } else { column };
    }
    text.push_str("\r\n");
}
