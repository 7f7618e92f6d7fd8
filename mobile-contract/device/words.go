package device

import (
	"fmt"
	"strings"
)

// Lang is a language of the texts that a person reads.
type Lang string

// The languages.
const (
	English Lang = "en"
	Chinese Lang = "zh"
)

// ParseLang reads a language or a locale such as zh_CN.UTF-8; anything else is English.
func ParseLang(s string) Lang {
	if strings.HasPrefix(strings.ToLower(s), "zh") {
		return Chinese
	}
	return English
}

// Line is one statement of a status in plain words.
type Line struct {
	// Level is "ok", "wait" (it will come right by itself or at the next sync) or
	// "act" (a person has to do something).
	Level string
	Text  string
}

// sayer writes lines in one language.
type sayer struct {
	lang  Lang
	lines []Line
}

func (y *sayer) say(level, en, zh string, args ...any) {
	text := en
	if y.lang == Chinese {
		text = zh
	}
	y.lines = append(y.lines, Line{level, fmt.Sprintf(text, args...)})
}

// Words says in plain words what is safe, what waits, and what to do.
func (st *Status) Words(lang Lang) []Line {
	y := &sayer{lang: lang}
	if st.Identity == nil {
		y.say("act", "This device is not enrolled. Ask an administrator for a one-time code and enrol it; nothing can be captured before.",
			"本设备尚未注册。请向管理员索取一次性注册码并完成注册；注册之前无法取证。")
		return y.lines
	}
	st.wordsFormer(y)
	st.wordsEvents(y)
	st.wordsTrouble(y)
	st.wordsMedia(y)
	st.wordsRest(y)
	return y.lines
}

func (st *Status) wordsFormer(y *sayer) {
	for i, f := range st.Former {
		next := st.Identity.LogOrigin
		if i+1 < len(st.Former) {
			next = st.Former[i+1].Origin
		}
		y.say("ok", "The ledger %s ended with %d entries; this device went over to %s on %s. %d records are proven in the former one.",
			"账本 %s 已于 %d 个条目时终止；本设备已转至 %s（%s）。%d 条记录已在原账本中证明。", f.Origin, f.Size, next, f.Left, f.Proven)
		if f.Shown == Unshown {
			y.say("act", "Nobody has shown that the end of %s continues what this device had seen of it. Keep this store; a supervisor decided so.",
				"尚无人证明 %s 的终止状态延续本设备此前所见。请保留本存储；此系主管决定。", f.Origin)
		}
	}
}

func (st *Status) wordsEvents(y *sayer) {
	if n := st.Events[StateProven]; n > 0 {
		y.say("ok", "%d records are proven to be in the ledger.", "%d 条记录已证明存入账本。", n)
	}
	if n := st.Events[StateLocal] - int64(len(st.Waiting)); n > 0 {
		y.say("wait", "%d records are only on this device. Sync when there is a network.", "%d 条记录仅存于本设备。有网络时请同步。", n)
	}
	if n := st.Events[StateSent] + st.Events[StateReceipted]; n > 0 {
		y.say("wait", "%d records are with the server, but not yet proven. The next sync fetches the proofs.", "%d 条记录已送达服务器，但尚无存证证明。下次同步时获取。", n)
	}
	if st.Pending > 0 {
		y.say("wait", "%d records wait at the server for earlier ones of this device. Sync again; if it stays, see the list of events.", "%d 条记录在服务器上等待本设备更早的记录。请再次同步；若仍如此，请查看事件列表。", st.Pending)
	}
	for _, e := range st.Waiting {
		y.say("act", "Record %d (%s) could not be sent: %s", "第 %d 条记录（%s）无法发送：%s", e.Seq, e.Type, e.Detail)
	}
	for _, e := range st.Quarantined {
		en, zh := codeAdvice(e.Code)
		advice := en
		if y.lang == Chinese {
			advice = zh
		}
		y.say("act", "Record %d (%s) is in quarantine: %s (%s). %s", "第 %d 条记录（%s）被隔离：%s（%s）。%s", e.Seq, e.Type, e.Code, e.Detail, advice)
	}
}

// codeAdvice says what to do about a quarantine code.
func codeAdvice(code string) (en, zh string) {
	switch code {
	case "REVOKED_KEY":
		return "This device was revoked. Hand it in; a supervisor decides on what it still sent.", "本设备已被吊销。请上交；其后发送的内容由主管决定。"
	case "FORK", "CHAIN_BROKEN":
		return "The key was used in two stores, or the store was restored from an old copy. Tell your supervisor and enrol anew in an empty store.", "同一密钥用于两个存储，或存储由旧副本恢复。请告知主管，并用空存储重新注册。"
	case "UNKNOWN_DEVICE", "WRONG_KEY", "BAD_SIGNATURE", "GENESIS_MISMATCH":
		return "The server does not know this device's key. Tell your administrator; the record is kept here and there.", "服务器不认识本设备的密钥。请告知管理员；记录在本机和服务器均已保留。"
	case "FUTURE_SCHEMA", "UNKNOWN_TYPE":
		return "The server's program is older than this one. It takes the record up once it is updated.", "服务器程序版本较旧，升级后会接收该记录。"
	}
	return "Both sides keep it. A supervisor can look at it; capture it again rightly if it is needed.", "双方均已保留。主管可以查看；如有需要请重新正确取证。"
}

func (st *Status) wordsTrouble(y *sayer) {
	for _, a := range st.Anomalies {
		y.say("act", "ALARM %d, %s: %s. The evidence is kept here; show it to your supervisor and do not delete this store.", "警报 %d，%s：%s。证据已保存在本机；请出示给主管，切勿删除本存储。", a.N, a.Kind, a.Detail)
	}
	if st.Hold != "" {
		y.say("act", "Capturing is stopped: %s.", "取证已停止：%s。", st.Hold)
	}
	if st.DiskFree >= 0 && st.DiskFree < lowDisk {
		y.say("act", "Only %d MB are free on the disk. Make room; nothing saved is lost if it runs full.", "磁盘仅剩 %d MB。请腾出空间；即使写满，已保存的内容也不会丢失。", st.DiskFree>>20)
	}
}

func (st *Status) wordsMedia(y *sayer) {
	if c := st.Media[MediaSent]; c.Files > 0 {
		y.say("ok", "%d files are whole at the server.", "%d 个文件已完整送达服务器。", c.Files)
	}
	if c := st.Media[MediaHeld]; c.Files > 0 {
		y.say("wait", "%d files are kept here, but no record names them; they are not sent.", "%d 个文件保存在本机，但没有记录引用，不会发送。", c.Files)
	}
	for _, m := range st.MediaFiles {
		switch m.State {
		case MediaWaiting:
			y.say("wait", "File %q: %d %% of %s sent%s.", "文件 %[1]q：%[3]s 已发送 %[2]d%%%[4]s。", m.Name, percent(m.Uploaded, m.Size), bytesText(m.Size), because(y.lang, m.LastError))
		case MediaRefused:
			y.say("act", "File %q: the server says again and again that other bytes arrive than are here. Try another network, then tell your administrator.", "文件 %q：服务器多次收到与本机不同的字节。请更换网络重试，并告知管理员。", m.Name)
		case MediaDamaged:
			y.say("act", "File %q (%s) is missing or changed on this device. Add the original again, from the camera or a backup.", "文件 %q（%s）在本机缺失或已改变。请从相机或备份重新加入原件。", m.Name, m.SHA256)
		}
	}
}

func because(lang Lang, why string) string {
	switch {
	case why == "":
		return ""
	case lang == Chinese:
		return "（上次：" + why + "）"
	}
	return " (last time: " + why + ")"
}

func (st *Status) wordsRest(y *sayer) {
	if st.OpenHandovers > 0 {
		y.say("wait", "%d handovers are open: the items are still with who gave them.", "%d 项交接未完成：物品仍由移交方保管。", st.OpenHandovers)
	}
	if st.UncheckedPeers > 0 {
		y.say("wait", "%d handovers: the other side's signature is checked at a later sync.", "%d 项交接：对方签名将在以后同步时核验。", st.UncheckedPeers)
	}
	if st.Carried > 0 {
		y.say("wait", "%d records of others are delivered with the next sync.", "%d 条他人记录将随下次同步送达。", st.Carried)
	}
	if st.Drafts > 0 {
		y.say("wait", "%d drafts are not sealed.", "%d 份草稿尚未封存。", st.Drafts)
	}
	if st.LabelsLeft < lowLabels {
		y.say("act", "%d label numbers are left. Sync, or ask an administrator for a block.", "仅剩 %d 个标签号。请同步，或向管理员申请号段。", st.LabelsLeft)
	}
	switch run := st.LastSync; {
	case run == nil:
		y.say("wait", "This device has never synced.", "本设备尚未同步过。")
	case run.Outcome == "done":
		y.say("ok", "Last sync: %s.", "上次同步：%s。", run.Ended)
	default:
		y.say("wait", "The last sync, %s, did not finish: %s", "上次同步（%s）未完成：%s", run.Started, run.Detail)
	}
	if off := st.ClockOffsetMS; off > 60_000 || off < -60_000 {
		y.say("act", "The clock of this device is off by %d s. Set it; what was captured is judged by the measured difference.", "本设备时钟相差 %d 秒。请校准；已取证内容按测得差值判断。", off/1000)
	}
}

func percent(part, whole int64) int64 {
	if whole <= 0 {
		return 100
	}
	return int64(float64(part) / float64(whole) * 100)
}

func bytesText(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%.1f kB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%d B", n)
}
