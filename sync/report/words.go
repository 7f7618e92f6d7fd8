package report

import "fieldseal/sync/bundle/bag"

// word gives a word of the page in its language. A word that is not in the list
// is a value of the record and stays as it is.
func (p *page) word(key string) string {
	w, ok := words[key]
	switch {
	case !ok:
		return key
	case p.Language == bag.Chinese:
		return w[1]
	}
	return w[0]
}

// Word gives a word of the report in a language, so that other papers about a
// record (a certificate, a page on a screen) call things by the same names. ok is
// false where the report has no such word.
func Word(l bag.Language, key string) (word string, ok bool) {
	w, ok := words[key]
	if l == bag.Chinese {
		return w[1], ok
	}
	return w[0], ok
}

// words are the page's own words, English and Chinese.
var words = map[string][2]string{
	"title":        {"Custody report", "证据保管链报告"},
	"none":         {"none recorded", "未记录"},
	"other":        {"中文", "English"},
	"lead.made":    {"This page was made by the authority together with the evidence bundle. It is a summary and proves nothing by itself: VERIFY.md says how to check the bundle, and custody-verify does it.", "本页由管理机构随证据包一并生成，仅为摘要，本身不具证明力。核验方法见 VERIFY.zh.md，或使用 custody-verify 程序。"},
	"lead.checked": {"This page was written by the verification program from the bundle alone.", "本页由核验程序仅依据证据包生成。"},

	"authentic":              {"authentic", "真实"},
	"authentic with defects": {"authentic with defects", "真实，但存在瑕疵"},
	"not authentic":          {"not authentic", "不真实"},
	"verdict":                {"Verdict", "核验结论"},
	"checks":                 {"Checks", "核验项目"},
	"check":                  {"Check", "项目"},
	"state":                  {"State", "状态"},
	"passed":                 {"passed", "通过"},
	"failed":                 {"failed", "未通过"},
	"not reached":            {"not reached", "未进行"},
	"not asked":              {"not asked", "未要求"},
	"number":                 {"Number", "数量"},
	"failures":               {"What fails", "未通过之处"},
	"notes":                  {"To be noted", "提示"},

	"case":           {"Case", "案件"},
	"case.number":    {"Case number", "案号"},
	"case.title":     {"Title", "案件名称"},
	"case.auth":      {"Handling authority", "办案机关"},
	"case.opened":    {"Opened", "立案"},
	"bundle":         {"Bundle", "证据包"},
	"purpose":        {"Purpose", "用途"},
	"made":           {"Made", "生成时间"},
	"authority":      {"Kept by", "管理机构"},
	"authority.key":  {"Authority key", "管理机构密钥"},
	"log":            {"Ledger", "账本"},
	"log.key":        {"Ledger key", "账本密钥"},
	"ledgers":        {"Ledgers that the case lies in, each of which continues the one before", "本案所在账本，后者承接前者"},
	"ledger.first":   {"Its entry 0 is here numbered", "其第 0 条目在此编号为"},
	"ledger.events":  {"Events proven first here", "最先由此账本证明的事件"},
	"checkpoint":     {"Checkpoint", "检查点"},
	"entries":        {"entries", "条"},
	"judged":         {"Judged as of", "评判时点"},
	"rules":          {"Rule pack", "规则包"},
	"shown":          {"What is shown", "披露范围"},
	"scope.case":     {"The whole case", "全案"},
	"scope.exhibits": {"Chosen exhibits only", "仅限选定物证"},
	"shown.events":   {"Events of the case shown", "已披露的本案事件"},
	"hidden.events":  {"Events of the case not shown", "未披露的本案事件"},
	"shown.context":  {"Events of the authority and of devices shown with them", "一并披露的管理机构与设备事件"},
	"shown.quar":     {"Lines in quarantine shown", "已披露的隔离内容"},
	"hidden.quar":    {"Lines in quarantine not shown", "未披露的隔离内容"},
	"chosen":         {"Chosen", "选定"},

	"defects":       {"Defects", "瑕疵"},
	"defects.lead":  {"F: the evidence risks being excluded. C: a stated act can still cure it. W: somebody should look at it.", "F：证据有被排除的风险；C：可通过所述措施补正；W：需要关注。"},
	"defect":        {"Defect", "瑕疵"},
	"cure":          {"What would cure it", "补正措施"},
	"waived":        {"Waived", "已豁免"},
	"waived.by":     {"by", "豁免人"},
	"general":       {"Defects of the case as a whole", "涉及全案的瑕疵"},
	"notshown":      {"Findings that rest on something absent, which may be among what is not shown", "因未披露内容可能存在而不能认定的问题"},
	"physical":      {"Physical exhibits", "实物证据"},
	"originals":     {"Electronic originals", "电子数据原件"},
	"derivatives":   {"Derivatives (not originals)", "衍生件（非原件）"},
	"exhibit":       {"Exhibit", "物证"},
	"exhibit.none":  {"the record has no such exhibit", "记录中无此物证"},
	"what":          {"What", "内容"},
	"parent":        {"Taken from", "取自"},
	"holder":        {"Holder now", "现保管人"},
	"since":         {"since", "自"},
	"unconfirmed":   {"not confirmed by both sides", "未经双方确认"},
	"location":      {"Stored at", "存放地点"},
	"seal":          {"Seal now", "现封签"},
	"held":          {"Legal holds in force", "有效的保全措施"},
	"disposal":      {"Disposal", "处置"},
	"timeline":      {"Chain of custody", "保管链"},
	"when":          {"Time claimed", "声明时间"},
	"proven":        {"Sealed between (proven)", "签封时间区间（已证明）"},
	"step":          {"Step", "环节"},
	"by":            {"By", "经手人"},
	"where":         {"Place", "地点"},
	"note":          {"Note", "备注"},
	"event":         {"Event", "事件"},
	"gap":           {"Unaccounted", "无记录时段"},
	"seals":         {"Seals", "封签"},
	"applied":       {"applied", "加封"},
	"seen":          {"seen", "查看"},
	"accessions":    {"Laboratory check-in", "实验室接收"},
	"lab":           {"Laboratory", "实验室"},
	"decision":      {"Decision", "决定"},
	"subsamples":    {"Sub-samples", "子样"},
	"balance":       {"Amount", "数量平衡"},
	"balance.start": {"at first", "初始"},
	"balance.taken": {"taken", "取用"},
	"balance.left":  {"left", "剩余"},
	"holding":       {"Holding times", "保存时限"},
	"group":         {"Analysis", "项目"},
	"limit":         {"Limit", "时限"},
	"deadline":      {"Deadline", "截止"},
	"done":          {"Done", "完成"},
	"source":        {"Source", "依据"},
	"source.open":   {"not confirmed", "未核实"},
	"results":       {"Results", "检测结果"},
	"analyte":       {"Analyte", "分析物"},
	"method":        {"Method", "方法"},
	"result":        {"Result", "结果"},
	"report":        {"Report", "报告"},
	"hashes":        {"Digests", "校验值"},
	"file":          {"File", "文件"},
	"size":          {"Bytes", "字节"},
}

func init() {
	for k, v := range moreWords {
		words[k] = v
	}
}

// moreWords are the words of the sections that follow the exhibits, and those
// that stand for the record's own words.
var moreWords = map[string][2]string{
	"handovers":        {"Handovers", "移交"},
	"handover.n":       {"Handover", "移交"},
	"from":             {"From", "移交人"},
	"to":               {"To", "接收人"},
	"mode":             {"Mode", "方式"},
	"relinquished":     {"Relinquished", "移交时间"},
	"received":         {"Received", "接收时间"},
	"items":            {"Items", "物品"},
	"reports":          {"Laboratory reports", "检测报告"},
	"signers":          {"Signed", "签署"},
	"covers.not":       {"does not cover the report as it is", "签署内容与现报告不符"},
	"parts":            {"Parts", "部分"},
	"dossiers":         {"Transfer dossiers", "移送案卷"},
	"missing.docs":     {"Missing documents", "缺少的文书"},
	"amendments":       {"Corrections", "更正"},
	"target":           {"Corrects", "更正对象"},
	"reason":           {"Reason", "理由"},
	"changes":          {"Changes", "内容"},
	"voided":           {"withdrawn", "撤回"},
	"applied.not":      {"without effect", "未生效"},
	"media":            {"Files named by the events", "事件所指文件"},
	"media.present":    {"in the bundle", "在包内"},
	"media.missing":    {"has not arrived", "尚未到达"},
	"media.mismatch":   {"other bytes arrived than were announced", "到达内容与声明不符"},
	"media.withheld":   {"arrived, not disclosed", "已到达，未披露"},
	"quarantine":       {"Lines in quarantine", "隔离内容"},
	"code":             {"Reason given", "隔离原因"},
	"found":            {"Found here", "本程序核验"},
	"series":           {"Air series", "空气监测序列"},
	"period":           {"From, to", "起止"},
	"segments":         {"Segments", "分段"},
	"segments.missing": {"missing", "缺失"},
	"rows":             {"rows", "行"},
	"gaps":             {"pauses", "处间断"},
	"raw":              {"Raw bytes", "原始字节"},
	"raw.read":         {"read again and checked", "已重新读取并核对"},
	"channel":          {"Channel", "通道"},
	"missing":          {"Missing", "缺失"},
	"over.range":       {"Over range", "超量程"},
	"least":            {"Least", "最小值"},
	"most":             {"Most", "最大值"},
	"mean":             {"Mean", "均值"},
	"quantities":       {"Quantities by party", "按当事人统计的数量"},
	"compared":         {"Results beside legal limits", "检测结果与法定限值对照"},
	"thresholds.lead":  {"Figures are set beside thresholds; whether a threshold applies is not for this report to say.", "仅将数值与限值并列，限值是否适用不由本报告判断。"},
	"thresholds":       {"Thresholds", "标准限值"},
	"reached":          {"reached", "达到"},
	"ratio":            {"ratio", "比值"},
	"times":            {"“N times over the limit”, both readings", "“超过限值N倍”的两种理解"},
	"yes":              {"yes", "是"},
	"no":               {"no", "否"},
	"party":            {"Party", "当事人"},
	"waste":            {"Waste", "废物"},
	"tier":             {"Evidence", "证据层级"},
	"net":              {"Net mass", "净重"},
	"containers":       {"containers", "个容器"},
	"records":          {"Records", "记录数"},
	"without.mass":     {"without a mass", "无质量"},
	"tier.weighed":     {"weighed", "称重"},
	"tier.documented":  {"documented", "单据"},
	"tier.estimated":   {"estimated", "估算"},
	"witnesses":        {"Trusted witnesses of the ledger", "受信任的账本见证方"},
	"witness":          {"Witness", "见证方"},
	"witness.time":     {"Cosigned, by its own clock", "联署时间（以见证方时钟为准）"},
	"stamps":           {"Time-stamps over the ledger", "账本时间戳"},
	"stamp.time":       {"Time stated", "所载时间"},
	"stamp.by":         {"Made by", "签发机构"},
	"stamp.yes":        {"verified", "核验通过"},
	"stamp.no":         {"not verified", "未通过核验"},
	"limits":           {"What a pass does not prove", "核验通过不能证明的事项"},
	"end":              {"End of the report", "报告结束"},

	"unit.d": {"d", "天"}, "unit.h": {"h", "小时"}, "unit.min": {"min", "分"}, "unit.s": {"s", "秒"},

	"step.collected": {"collected", "采集"}, "step.sealed": {"sealed", "加封"}, "step.relinquished": {"relinquished", "移交"},
	"step.received": {"received", "接收"}, "step.not_received": {"not received", "未收到"}, "step.concluded": {"receipt confirmed", "确认接收"},
	"step.declined": {"declined", "拒收"}, "step.stored": {"stored", "入库或移位"}, "step.accessioned": {"checked in", "实验室接收"},
	"step.rejected": {"rejected by the laboratory", "实验室拒收"}, "step.subsampled": {"sub-sampled", "分取子样"}, "step.analysed": {"analysed", "检测"},
	"step.hold_placed": {"legal hold placed", "采取保全"}, "step.hold_released": {"legal hold released", "解除保全"}, "step.disposed": {"disposed of", "处置"},
	"step.photographed": {"photographed", "拍照"}, "step.amended": {"corrected", "更正"}, "step.mentioned": {"mentioned", "提及"},

	"seal.intact": {"intact", "完好"}, "seal.broken": {"broken", "破损"}, "seal.missing": {"missing", "缺失"}, "seal.none": {"none", "无"},

	"state.held": {"held", "在管"}, "state.offered": {"offered", "已发起移交"}, "state.in_transit": {"in transit", "运输中"},
	"state.rejected": {"rejected", "被拒收"}, "state.disposed": {"disposed of", "已处置"}, "state.consumed": {"used up", "已用尽"},
	"state.complete": {"complete", "完成"}, "state.declined": {"declined", "拒收"}, "state.one_sided": {"one-sided", "单方"}, "state.mismatch": {"the two sides differ", "双方不一致"},
	"state.met": {"met", "符合"}, "state.exceeded": {"exceeded", "超期"}, "state.running": {"running", "计时中"},
	"state.deadline_passed": {"deadline passed", "已过时限"}, "state.uncomputable": {"cannot be worked out", "无法计算"},

	"decision.accept": {"accepted", "接收"}, "decision.accept_with_qualifier": {"accepted with qualifier", "附条件接收"}, "decision.reject": {"rejected", "拒收"},
	"mode.by_hand": {"by hand", "当面"}, "mode.courier": {"courier", "快递"}, "mode.storage": {"through storage", "经库房"},
	"signer.analyst": {"analyst", "检测人"}, "signer.reviewer": {"reviewer", "审核人"}, "signer.approver": {"approver", "批准人"},
	"hash.captured": {"captured", "采集"}, "hash.received": {"received", "接收"}, "hash.quarantined": {"quarantined", "隔离"}, "hash.derived": {"derived", "衍生"},
	"dossier.compiled": {"compiled", "组卷"}, "dossier.legal_review": {"legal review", "法制审核"}, "dossier.deliberation": {"collective deliberation", "集体讨论"},
	"dossier.approved": {"approved", "批准"}, "dossier.sent": {"sent", "移送"}, "dossier.received": {"received", "接收"}, "dossier.returned": {"returned", "退回"},

	"ref.case": {"case", "案件"}, "ref.site": {"site", "现场"}, "ref.sample": {"sample", "样品"}, "ref.subsample": {"sub-sample", "子样"},
	"ref.object": {"object", "物品"}, "ref.party": {"party", "当事人"}, "ref.photo": {"photo", "照片"}, "ref.file": {"file", "文件"},
	"ref.series": {"series", "监测序列"}, "ref.instrument": {"instrument", "仪器"}, "ref.quantity": {"quantity", "数量"},
	"ref.handover": {"handover", "移交"}, "ref.report": {"report", "报告"}, "ref.event": {"event", "事件"},
}
