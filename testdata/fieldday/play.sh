#!/bin/sh
# Plays a whole field day through the commands that people use: two inspectors
# without a network at three sites, an offline handover, a courier, a laboratory
# that rejects one sample, a supervisor, an attempt at tampering, the court bundle
# and its verification.
#
#   testdata/fieldday/play.sh [--keep-serving] DIR
#
# It leaves DIR/witnesses/NAME, DIR/server (the server's data), DIR/devices/NAME (each device's store),
# DIR/case.zip (the bundle) and DIR/demo.log. Its exit status is that of the verification.
set -eu
keep=no
if [ "${1:-}" = --keep-serving ]; then keep=yes; shift; fi
dir=${1:?usage: play.sh [--keep-serving] DIR}
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
port=${FIELDSEAL_PORT:-8080}
address=127.0.0.1:$port
url=http://$address
case_no=2026-HW-017

rm -rf "$dir"
mkdir -p "$dir/devices" "$dir/pictures" "$dir/witnesses"
full=$(cd "$dir" && pwd)
log=$dir/demo.log
: >"$log"
say() { printf '\n== %s\n' "$*" | tee -a "$log"; }
run() { # a command of the demonstration: shown, logged, and fatal where it fails
	printf '$ %s\n' "$*" >>"$log"
	"$@" >>"$log" 2>&1 || { echo "The demonstration stopped at: $*" >&2; tail -n 5 "$log" >&2; exit 2; }
}
server() { "$root/bin/fieldseal" --data "$dir/server" "$@"; }
kit() { who=$1; shift; "$root/bin/fieldkit" --store "$dir/devices/$who" "$@"; }
as() { # as WHO fieldkit-arguments…
	who=$1; shift
	run "$root/bin/fieldkit" --store "$dir/devices/$who" "$@"
}

pid=
start_server() {
	"$root/bin/fieldseal" --data "$dir/server" serve --listen "$address" >>"$dir/server.log" 2>&1 &
	pid=$!
	for _ in $(seq 100); do
		server_up && return
		kill -0 $pid 2>/dev/null || { echo "The server did not start:" >&2; tail -n 3 "$dir/server.log" >&2; exit 2; }
		sleep 0.1
	done
	echo "The server did not answer on $url" >&2
	exit 2
}
server_up() { grep -q 'msg=serving' "$dir/server.log" 2>/dev/null; }
beside=
start_beside() { # the institutions that vouch for the ledger, each for itself
	n=1
	for name in police procuratorate court; do
		"$root/bin/custody-witness" --data "$dir/witnesses/$name" serve >>"$dir/witnesses/$name.log" 2>&1 &
		beside="$beside $!"
		n=$((n + 1))
	done
	(cd "$root" && go build -o "$full/tsa" ./testdata/fieldday/tsa) >>"$log" 2>&1
	"$dir/tsa" "127.0.0.1:$((port + 24))" "$dir/server/tsa-root.pem" >>"$dir/tsa.log" 2>&1 &
	beside="$beside $!"
	for _ in $(seq 100); do [ -s "$dir/server/tsa-root.pem" ] && return; sleep 0.1; done
	echo "The time-stamping authority did not start" >&2
	exit 2
}
stop_all() { stop_server; for p in $beside; do kill "$p" 2>/dev/null || true; done; }
stop_server() { if [ -n "$pid" ]; then kill "$pid" 2>/dev/null || true; wait "$pid" 2>/dev/null || true; pid=; fi; }
trap stop_all EXIT
trap 'exit 130' INT TERM

say "The authority sets up its server"
run server init --name "City Environment Bureau" --name-zh 市生态环境局 --origin custody.example/demo --listen "$address"
log_key=$(sed -n 's/^log key  *//p' "$log")

say "Police, procuratorate and court each run a witness; a time-stamping authority is at hand"
echo "witnesses:" >"$dir/witnesses.yaml"
: >"$dir/witnesses.keys"
n=1
for name in police procuratorate court; do
	run "$root/bin/custody-witness" --data "$dir/witnesses/$name" init --name "$name.example/witness" --log "$log_key" --listen "127.0.0.1:$((port + 20 + n))"
	key=$("$root/bin/custody-witness" --data "$dir/witnesses/$name" status | sed -n 's/^key  *//p')
	printf '  - name: %s\n    key: %s\n    url: http://127.0.0.1:%s\n' "$name" "$key" "$((port + 20 + n))" >>"$dir/witnesses.yaml"
	echo "$key" >>"$dir/witnesses.keys"
	n=$((n + 1))
done
printf 'quorum: 2\ntimestamps:\n  - name: demo-tsa\n    url: http://127.0.0.1:%s/\n    roots: tsa-root.pem\n' "$((port + 24))" >>"$dir/witnesses.yaml"
start_beside
cat "$dir/witnesses.yaml" >>"$dir/server/fieldseal.yaml"
run server admin org add --name "City Environment Bureau" --name-zh 市生态环境局 --kind environment
run server admin org add --name "East Laboratory" --name-zh 东部检测中心 --kind lab --accreditation "CMA 2026-117" --method "HJ 700-2014" --accredited-from 2024-01-01 --accredited-until 2029-12-31
run server admin org add --name "Procuratorate" --name-zh 人民检察院 --kind procuratorate
person() { run server admin person add --org "$1" --name "$2" --login "$3" --role "$4" --credential "$5" --credential-from 2024-01-01 --credential-until 2029-12-31; }
person "City Environment Bureau" "Li Wei" liwei inspector EN-3301-0042
person "City Environment Bureau" "Zhao Min" zhaomin inspector EN-3301-0043
person "City Environment Bureau" "Wang Fang" wangfang supervisor EN-3301-0007
person "East Laboratory" "Chen Jing" chenjing lab_analyst LAB-117-03
person "East Laboratory" "Sun Lei" sunlei lab_analyst LAB-117-04
person "East Laboratory" "He Ping" heping lab_analyst LAB-117-01
person "Procuratorate" "Guo Hua" guohua court_clerk PR-22
run server admin rules
password=$(head -c 12 /dev/urandom | od -An -tx1 | tr -d ' \n')
for login in liwei zhaomin wangfang chenjing sunlei heping guohua; do
	printf '%s' "$password" | server admin password "$login" >>"$log" 2>&1
done

say "Devices enrol while there is a network"
start_server
for login in liwei zhaomin chenjing sunlei heping; do
	code=$(server admin code --login "$login" 2>/dev/null)
	as "$login" enrol --server "$url" --code "$code"
done
run server admin labels --login liwei --prefix HZ-A- --count 200
run server admin labels --login zhaomin --prefix HZ-B- --count 200
as liwei sync
as liwei case open --number $case_no --title "Drums by the river" --authority "City Environment Bureau" --legal-basis "Criminal Law art. 338" --clue T-2026-88
as liwei sync
as zhaomin sync
run server admin grant add --case $case_no --org "East Laboratory" --right write --reason "commissioned for analysis"
run server admin grant add --case $case_no --org Procuratorate --right read --reason "joint case"

say "The network is gone: the server is stopped, the field work begins"
stop_server
: >"$dir/server.log"
(cd "$root" && go run ./testdata/fieldday/draw "$(cd "$dir" && pwd)/pictures") >>"$log" 2>&1
as liwei site add --case $case_no --name "River bank" --officer "Li Wei=EN-3301-0042" --officer "Zhao Min=EN-3301-0043" --party "Hongda Metal Finishing" --party-signing refused --party-reason "left the scene" --witness "Sun Hao" --witness-signing signed --weather "overcast, 11 C" --fix 30.27412,119.98234,WGS-84,4
as liwei party add --case $case_no --kind company --name "Hongda Metal Finishing" --role producer
as liwei object add --case $case_no --kind barrel --label D-01 --description "blue steel drum, 200 L" --site "River bank"
as liwei object add --case $case_no --kind vehicle --label ZJ-A12345 --description "tanker lorry"
as liwei object add --case $case_no --kind account --label ACC-6222 --description "account that paid the lorry"
as liwei link add --case $case_no --from object:D-01 --to object:ZJ-A12345 --relation "carried by" --basis "waybill YD2026-11"
as liwei link add --case $case_no --from object:ZJ-A12345 --to site:"River bank" --relation "unloaded at" --basis "tracker of the lorry"
as liwei link add --case $case_no --from party:"Hongda Metal Finishing" --to object:ACC-6222 --relation "paid from" --basis "bank statement"
sample() { # WHO SITE SEAL extra…
	who=$1; site=$2; seal=$3; shift 3
	as "$who" capture sample --case $case_no --site "$site" --seal-no "$seal" --cooler K-1 --container HDPE --container-no B-19 --amount "500 mL" --preservative HNO3 --ph 1.8 --storage-temp-c 4.0 --party "Hongda Metal Finishing" --party-signing refused --party-reason "left the scene" --witness "Sun Hao" --witness-signing signed "$@"
}
sample liwei "River bank" C-7701 --matrix liquid_waste --waste D-01 --point "P1, drum D-01" --analyse "metals=HJ 700-2014" --second-sampler "Zhao Min" --fix 30.27412,119.98234,WGS-84,4
sample liwei "River bank" C-7702 --qc split --parent HZ-A-000001 --matrix liquid_waste --waste D-01 --point "P1, drum D-01" --analyse "metals=HJ 700-2014" --second-sampler "Zhao Min" --fix 30.27412,119.98234,WGS-84,4
sample liwei "River bank" C-7703 --qc field_blank --matrix water --point "blank at P1" --analyse "metals=HJ 700-2014" --second-sampler "Zhao Min" --fix 30.27412,119.98234,WGS-84,4
as liwei capture photo --case $case_no --site "River bank" --shows "drums D-01 to D-05" --seal-visible no --fix 30.27412,119.98234,WGS-84,4 "$dir/pictures/li-01-bank.jpg"
as liwei capture photo --case $case_no --site "River bank" --shows "drum D-01 with its seal" --seal-visible yes --about object:D-01 --fix 30.27412,119.98234,WGS-84,4 "$dir/pictures/li-02-seal.jpg"
as liwei quantity add --case $case_no --party "Hongda Metal Finishing" --object D-01 --site "River bank" --waste "electroplating sludge" --waste-code "HW17 336-054-17" --tier weighed --containers 11 --net-kg 3090.5 --weighbridge-no WB-2 --weighbridge-due 2027-05-01
as liwei instrument add --case $case_no --make Sensit --model SPOD --serial 0000 --sensor pid --lamp-ev 10.6 --range-high 50000 --unit ppb --last-calibration 2026-11-01 --calibration-due 2027-11-01
as liwei instrument check --case $case_no "Sensit 0000" --kind bump --gas "isobutylene 10 ppm" --cylinder-lot A-19 --cylinder-expiry 2027-06-30 --expected 10000 --observed 9820 --unit ppb --pass yes
as liwei capture air --case $case_no --instrument "Sensit 0000" --site "River bank" "$here/air-spod.csv"
as liwei note --case $case_no --text "Smell of solvent at the north end. 北端有溶剂气味。"

as zhaomin site add --case $case_no --name "Plating yard" --officer "Li Wei=EN-3301-0042" --officer "Zhao Min=EN-3301-0043" --party "Hongda Metal Finishing" --party-signing refused --party-reason "left the scene" --witness "Sun Hao" --witness-signing signed --fix 30.27553,119.98488,WGS-84,4
sample zhaomin "Plating yard" C-7710 --matrix liquid_waste --point "P2, sump" --analyse "metals=HJ 700-2014" --second-sampler "Li Wei" --fix 30.27553,119.98488,WGS-84,4
as zhaomin capture photo --case $case_no --site "Plating yard" --shows "yard with drums" --seal-visible no --fix 30.27553,119.98488,WGS-84,4 "$dir/pictures/zhao-01-yard.jpg"
as zhaomin capture photo --case $case_no --site "Plating yard" --shows "tanker at the gate" --seal-visible no --fix 30.27556,119.98490,WGS-84,4 "$dir/pictures/zhao-02-truck.jpg"
as zhaomin site add --case $case_no --name "Canal outfall" --officer "Li Wei=EN-3301-0042" --officer "Zhao Min=EN-3301-0043" --witness "Sun Hao" --witness-signing signed --fix 30.28012,119.98722,WGS-84,4
sample zhaomin "Canal outfall" C-7711 --matrix water --point "P3, outfall" --analyse "metals=HJ 700-2014" --second-sampler "Li Wei" --fix 30.28012,119.98722,WGS-84,4
as zhaomin capture photo --case $case_no --site "Canal outfall" --shows "outfall at the canal" --seal-visible no --fix 30.28012,119.98722,WGS-84,4 "$dir/pictures/zhao-03-outfall.jpg"

record() { # WHO LABEL
	printf 'Sampling record of %s\nSigned at the scene: Li Wei, Zhao Min, Sun Hao (witness)\n' "$2" >"$dir/pictures/record-$2.txt"
	as "$1" capture file --case $case_no --kind sampling_record --title "sampling record $2" --about "sample:$2" "$dir/pictures/record-$2.txt"
}
for label in HZ-A-000001 HZ-A-000002 HZ-A-000003; do record liwei $label; done
for label in HZ-B-000001 HZ-B-000002; do record zhaomin $label; done

say "Still offline: Zhao Min hands her samples to Li Wei, device to device"
printf '$ handover offer/accept/conclude\n' >>"$log"
kit zhaomin handover offer --introduce --seals intact --case $case_no --item sample:HZ-B-000001 --item sample:HZ-B-000002 --to "Li Wei" --to-org "City Environment Bureau" --purpose "transport in one cooler" --place "canal bridge" --temp-c 4.0 >"$dir/offer.txt" 2>>"$log"
kit liwei handover accept --introduce --item HZ-B-000001=C-7710=intact --item HZ-B-000002=C-7711=intact --count 2 --temp-c 4.0 "$dir/offer.txt" >"$dir/answer.txt" 2>>"$log"
as zhaomin handover conclude "$dir/answer.txt"
if kit liwei status >>"$log"; then echo "A device without a network says that everything is safe" >&2; exit 2; fi

say "The network is back: both devices hand in what they hold"
start_server
as liwei sync
as zhaomin sync
as liwei status

say "A courier takes the cooler to the laboratory"
kit liwei handover offer --introduce --seals intact --case $case_no --item sample:HZ-A-000001 --item sample:HZ-A-000002 --item sample:HZ-A-000003 --item sample:HZ-B-000001 --item sample:HZ-B-000002 --to "Chen Jing" --to-org "East Laboratory" --mode courier --carrier "SF Express" --tracking-no SF1020304050 --purpose analysis --place "depot gate 2" --temp-c 4.0 >"$dir/offer.txt" 2>>"$log"
as liwei sync
as chenjing sync
kit chenjing handover accept --introduce --item HZ-A-000001=C-7701=intact --item HZ-A-000002=C-7702=intact --item HZ-A-000003=C-7703=intact --item HZ-B-000001=C-7710=intact --item HZ-B-000002=C-7711=broken --count 5 --temp-c 4.6 "$dir/offer.txt" >"$dir/answer.txt" 2>>"$log"
checkin() { # LABEL SEAL STATE DECISION LAB-ID extra…
	label=$1; seal=$2; state=$3; decision=$4; shift 4
	as chenjing lab checkin --case $case_no "$label" --label-agrees yes --custody-form-no COC-17 --cooler K-1 --cooler-temp-c 4.6 --on-ice yes --seal-no "$seal" --seal "$state" --container-intact yes --ph 1.8 --ph-ok yes --decision "$decision" "$@"
}
checkin HZ-A-000001 C-7701 intact accept --lab-id E26-0417-01 --storage-location "cold room 2"
checkin HZ-A-000002 C-7702 intact accept --lab-id E26-0417-02 --storage-location "cold room 2"
checkin HZ-A-000003 C-7703 intact accept --lab-id E26-0417-03 --storage-location "cold room 2"
checkin HZ-B-000001 C-7710 intact accept --lab-id E26-0417-04 --storage-location "cold room 2"
checkin HZ-B-000002 C-7711 broken reject --reason "seal broken on receipt"
as chenjing lab subsample --case $case_no HZ-A-000001 --label HZ-A-000001/a --kind digest --mass-in 500 --mass-out 50 --unit mL --batch D-311
today=$(date +%Y-%m-%d)
figures() { printf 'HZ-%s,%s,HJ 700-2014,%s,mg/L,cas=%s,mdl=0.06,rl=0.2,analysed_on=%s' "$1" "$2" "$4" "$3" "$today"; }
as chenjing lab results enter --case $case_no --report-no E26-0417 --result "$(figures A-000001 Nickel 7440-02-0 128.4)" --result "$(figures A-000001 Chromium 7440-47-3 61.2)" --result "$(figures A-000002 Nickel 7440-02-0 126.9)" --result "$(figures B-000001 Nickel 7440-02-0 95.0)" --result "$(figures A-000003 Nickel 7440-02-0 '<0.06'),qualifier=U"
as chenjing lab sign --case $case_no E26-0417 --as analyst
as chenjing sync
for pair in "sunlei reviewer" "heping approver"; do
	as "${pair% *}" sync
	as "${pair% *}" lab sign --case $case_no E26-0417 --as "${pair#* }"
	as "${pair% *}" sync
done
as liwei sync
as liwei handover conclude "$dir/answer.txt"
as liwei sync

say "Somebody copies Zhao Min's device and seals another story with it"
cp -R "$dir/devices/zhaomin" "$dir/devices/zhaomin-copied"
as zhaomin note --case $case_no --text "The outfall was still running when we left."
as zhaomin sync
run "$root/bin/fieldkit" --store "$dir/devices/zhaomin-copied" note --case $case_no --text "There was nothing to be seen at the outfall."
caught=0
kit zhaomin-copied sync >>"$log" 2>&1 || caught=$?
server admin quarantine >"$dir/quarantine.txt" 2>>"$log"
cat "$dir/quarantine.txt" >>"$log"
if ! grep -q FORK "$dir/quarantine.txt"; then echo "A copied device rewrote history, and nobody noticed" >&2; exit 1; fi
echo "Caught (exit status $caught of its sync): both records are kept, the second one in quarantine:" | tee -a "$log"
cut -c1-150 "$dir/quarantine.txt"

say "The witnesses have cosigned what they were shown"
for name in police procuratorate court; do
	"$root/bin/custody-witness" --data "$dir/witnesses/$name" status | tail -n 2 | tr '\n' ' ' | tee -a "$log"
	echo
done

say "The court bundle"
run server bundle --case $case_no --out "$dir/case.zip" --purpose "transfer to the procuratorate"
run server case list
cp "$dir/case.zip" "$dir/tampered.zip"
size=$(wc -c <"$dir/tampered.zip")
printf 'X' | dd of="$dir/tampered.zip" bs=1 seek=$((size / 2)) conv=notrunc 2>/dev/null
tampered=0
"$root/bin/custody-verify" "$dir/tampered.zip" >"$dir/tampered.txt" 2>&1 || tampered=$?
if [ "$tampered" = 0 ]; then echo "One byte of the bundle was changed, and the verifier did not notice" >&2; exit 1; fi
say "One byte of a copy was changed; the verifier says (exit status $tampered):"
sed -n "1p;/Checks/,/^Exhibits/p" "$dir/tampered.txt" | head -n 8 | tee -a "$log"

say "The bundle as it is"
verdict=0
"$root/bin/custody-verify" "$dir/case.zip" --trust "$log_key" --trust-witness "$dir/witnesses.keys" --trust-tsa "$dir/server/tsa-root.pem" >"$dir/verdict.txt" 2>&1 || verdict=$?
head -n 60 "$dir/verdict.txt" | tee -a "$log"

say "Left in $dir: server/, devices/NAME/, case.zip, demo.log, verdict.txt"
[ "$verdict" = 0 ] || exit "$verdict"
if [ $keep = yes ]; then
	say "For the desks: two more samples are on their way to the laboratory"
	as liwei sync
	sample liwei "River bank" C-7721 --matrix liquid_waste --waste D-01 --point "P4, drum D-02" --analyse "metals=HJ 700-2014" --second-sampler "Zhao Min" --fix 30.27414,119.98236,WGS-84,4
	sample liwei "River bank" C-7722 --matrix water --point "P5, bank below the drums" --analyse "metals=HJ 700-2014" --second-sampler "Zhao Min" --fix 30.27409,119.98229,WGS-84,4
	kit liwei handover offer --introduce --seals intact --case $case_no --item sample:HZ-A-000004 --item sample:HZ-A-000005 --to "Chen Jing" --to-org "East Laboratory" --mode courier --carrier "SF Express" --tracking-no SF1020304077 --purpose analysis --place "depot gate 2" --temp-c 4.0 >"$dir/offer-2.txt" 2>>"$log"
	as liwei sync
	code() { server admin code --login "$1" 2>/dev/null; }
	cat <<TEXT

The server runs until you press Ctrl-C. Open it in a browser:

  address   $url/
  password  $password
  logins    chenjing    laboratory: a shipment with two samples waits to be received  (workstation code $(code chenjing))
            sunlei      laboratory, another analyst                                    (workstation code $(code sunlei))
            guohua      procuratorate: records, certificates, bundles
            wangfang    supervisor: cases, devices, quarantine, readings               (workstation code $(code wangfang))
            liwei zhaomin (inspectors)
  verify    $url/desk/verify needs no login; give it $dir/case.zip

On the command line:
            bin/fieldkit --store $dir/devices/liwei status
            bin/fieldseal --data $dir/server case items $case_no
            bin/custody-verify $dir/case.zip
TEXT
	wait "$pid"
fi
