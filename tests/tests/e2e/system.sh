# The installation that the README shows, as root, in namespaces of its own:
# nothing of the machine is changed. Then the server is started with the rights
# that the systemd unit gives it.
#   system.sh BIN UNIT FOLDER
set -eu
bin=$1; unit=$2; shm=$3
ip link set lo up
mount -t tmpfs t "$shm"
cp -a /etc "$shm/etc"; mount --bind "$shm/etc" /etc
mount -t tmpfs t /var/lib; mount -t tmpfs t /run
useradd --system --home-dir /var/lib/gatepost --shell /usr/sbin/nologin gatepost
"$bin/gatepost" init --system --hostname mail.example.com
"$bin/gatepost" domain add example.org
echo "secret of alice" | "$bin/gatepost" user add alice@example.org
sed -i 's,^imaps,lmtp = "unix:/run/gatepost/lmtp.sock"\nimaps,' /etc/gatepost/gatepost.toml
"$bin/gatepost" check || echo "check: $?"
mkdir /run/gatepost
sets=$(sed -n 's/^CapabilityBoundingSet=//p' "$unit" | tr 'A-Z ' 'a-z,' | sed 's/cap_/+/g')
umask 0077
setpriv --no-new-privs --bounding-set "-all,$sets" "$bin/gatepost" --config /etc/gatepost/gatepost.toml serve 2>"$shm/log" &
server=$!
trap 'kill $server; cat "$shm/log"' EXIT
n=0; until [ -S /var/lib/gatepost/control.sock ]; do sleep 0.2; n=$((n+1)); [ $n -lt 300 ]; kill -0 $server; done
printf 'From: me@example.com\nTo: alice@example.org\nSubject: hello\n\nHi!\n' |
  curl -sS smtp://127.0.0.1:25 --mail-from me@example.com --mail-rcpt alice@example.org --crlf -T -
curl -sS --cacert /etc/gatepost/certs/ca.pem -u 'alice@example.org:secret of alice' 'imaps://localhost:993/INBOX;MAILINDEX=1'
curl -sS http://127.0.0.1:9980/metrics | grep '^gatepost_scanner_ready 1'
grep -E '^(Uid|CapEff|CapBnd)' /proc/$server/status
stat -c '%U %G %a %n' /etc/gatepost /etc/gatepost/gatepost.toml /etc/gatepost/certs/server.key /etc/gatepost/certs/ca/ca.key /var/lib/gatepost /var/lib/gatepost/mail /var/lib/gatepost/index.sqlite /run/gatepost/lmtp.sock
trap - EXIT
kill -TERM $server; wait $server; echo "stopped: $?"
