//! What is tried first: words that passwords are made of in English and German,
//! and how keys lie beside each other. Gathered here by hand; a list of whole
//! passwords would be large and yet miss `Summer2026!`.

/// Words, long ones first, since they are looked for in that order.
pub(crate) fn words() -> impl Iterator<Item = &'static str> {
    WORDS.split_ascii_whitespace()
}

/// Keys and characters in an order that everybody knows; read backwards too.
pub(crate) const ROWS: [&str; 14] = [
    "01234567890",
    "abcdefghijklmnopqrstuvwxyz",
    "qwertyuiop[]",
    "qwertzuiopü",
    "azertyuiop",
    "asdfghjklöä",
    "zxcvbnm,./",
    "yxcvbnm,.-",
    "!@#$%^&*()",
    "!\"§$%&/()=",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm",
    "1qay2wsx3edc4rfv5tgb6zhn7ujm",
    "1q2w3e4r5t6y7u8i9o0p",
    "1q2w3e4r5t6z7u8i9o0p",
];

const WORDS: &str = "\
    administrator schmetterling ichliebedich meinpasswort sonnenschein deutschland goodmorning thunderbird \
    basketball contrasena donnerstag hellokitty motdepasse mypassword prinzessin regenbogen schokolade sicherheit \
    volkswagen wachtwoord willkommen alexander arschloch bienvenue butterfly chocolate christian frankfurt fruehling \
    geheimnis instagram liverpool metallica microsoft minecraft passwords schwester sebastian september something \
    spiderman superuser wednesday babygirl baseball blahblah business changeme computer corvette database december \
    dezember dienstag dortmund elephant facebook february football fortnite freiheit fussball gutentag ichliebe \
    iloveyou internet jennifer kennwort lieblich matthias mercedes michelle mittwoch muenchen nicholas november \
    password passwort postfach princess rockstar saturday scheisse security slipknot starwars sunshine superman \
    thursday veronica whatever america andreas anthony arsenal asshole austria barbara beatles blessed brother \
    charlie chelsea claudia company crystal default diamond dolphin england familie februar ferrari florian flowers \
    forever freedom freitag fuckyou germany gitarre hamburg ironman january jasmine jessica letmein liberty loveyou \
    manager matthew melissa michael million mustang natasha network nirvana nothing october oktober outlook patrick \
    penguin pfeffer phoenix pokemon porsche private rainbow richard sabrina samstag samsung samurai schalke schatzi \
    schwarz schweiz secrets sonntag stephan success susanne testing trustno tuesday twitter warrior webmail welcome \
    william windows youtube access amanda andrew asdzxc ashley august autumn banana banane batman bayern berlin \
    blumen bruder butter cheese christ coffee cookie daniel debian delfin dennis dollar drache dragon eminem erfolg \
    europe falcon family father flower friday geheim george glueck golden golfer google gruess guitar hannah harley \
    heaven herbst himmel hockey hunter januar jordan joseph joshua justin kaffee killer leonie london lovely marcel \
    markus martin master matrix monday monkey montag mother munich mutter naruto nicole office oliver oracle orange \
    parola passwd pepper pirate prince privat purple qaywsx qazwsx qweasd rabbit robert router sabine sandra schatz \
    secret secure server servus shadow sicher silver sister soccer sommer sophie spring stefan summer sunday suzuki \
    sweety system tennis tester thomas tobias toyota turtle ubuntu winner winter yamaha yellow zaqxsw adler admin \
    angel apfel apple april bitch black blume cisco david doggy eagle email engel faith felix firma green gruen \
    guest hallo haslo hello honda horse jesus jonas julia katze kevin kitty koeln laura liebe linux login lucky \
    lukas maerz march maria marie mausi money music musik ninja panda paris peter pferd puppy pussy queen qwert \
    sarah senha sonne sweet tiger vater white abcd anna asdf audi baby bear blau ciao emma fuck gast geld golf hans \
    hase hund juli july june juni king lena leon lion lisa love mail maus moin paul root sexy shit test user wolf \
    yxcv zxcv";
