package hj212

// Flag is the packet flag: version bits V5..V0, then D (packet numbers are
// present), then A (an acknowledgement is wanted).
type Flag uint8

// Split reports bit D: the message is split and PNUM and PNO are present.
func (f Flag) Split() bool { return f&2 != 0 }

// WantsAck reports bit A: the sender wants an acknowledgement.
func (f Flag) WantsAck() bool { return f&1 != 0 }

// Version is V5..V0: 0 for HJ/T 212-2005, 1 for HJ 212-2017.
func (f Flag) Version() int { return int(f >> 2) }

// DataFlag is the value of a -Flag item: how the figure came about.
type DataFlag string

// Meaning is the standard's meaning in English; false for a letter that the
// standard does not have.
func (d DataFlag) Meaning() (string, bool) {
	m, ok := dataFlags[d]
	return m, ok
}

var dataFlags = map[DataFlag]string{
	"N": "normal",
	"F": "monitoring stopped",
	"M": "maintenance",
	"S": "set by hand",
	"D": "fault",
	"C": "calibration",
	"T": "above the measuring range",
	"B": "communication fault",
}

// Command is what a CN code stands for.
type Command struct {
	CN     string
	NameEN string
	NameZH string
}

// LookupCommand finds a CN code; false for one that this table does not have.
func LookupCommand(cn string) (Command, bool) {
	c, ok := commands[cn]
	return c, ok
}

// StartsPeriod reports whether DataTime under this CN is the start of a
// period (day, minute, hour data) and not an instant.
func StartsPeriod(cn string) bool {
	switch cn {
	case "2031", "2041", "2051", "2061":
		return true
	}
	return false
}

var commands = func() map[string]Command {
	m := map[string]Command{}
	for _, c := range []Command{
		{"1000", "set time-out and repeats", "设置超时时间及重发次数"},
		{"1011", "time of the station", "提取/上传现场机时间"},
		{"1012", "set the time of the station", "设置现场机时间"},
		{"1013", "station asks for the time", "现场机时间校准请求"},
		{"1061", "interval of real-time data", "提取/上传实时数据间隔"},
		{"1062", "set the interval of real-time data", "设置实时数据间隔"},
		{"1063", "interval of minute data", "提取/上传分钟数据间隔"},
		{"1064", "set the interval of minute data", "设置分钟数据间隔"},
		{"1072", "set the password of the station", "设置现场机访问密码"},
		{"2011", "real-time data", "污染物实时数据"},
		{"2012", "stop real-time data", "停止察看污染物实时数据"},
		{"2021", "state of devices", "设备运行状态数据"},
		{"2022", "stop the state of devices", "停止察看设备运行状态"},
		{"2031", "day data", "污染物日历史数据"},
		{"2041", "running time of devices per day", "设备运行时间日历史数据"},
		{"2051", "minute data", "污染物分钟数据"},
		{"2061", "hour data", "污染物小时数据"},
		{"2081", "start time of the station", "上传数采仪开机时间"},
		{"3011", "calibrate zero and span", "零点校准量程校准"},
		{"3012", "take a sample now", "即时采样"},
		{"3013", "start cleaning or blow-back", "启动清洗/反吹"},
		{"3014", "comparison sampling", "比对采样"},
		{"3015", "keep a sample over the limit", "超标留样"},
		{"3016", "set the sampling period", "设置采样时间周期"},
		{"3017", "sampling period", "提取/上传采样时间周期"},
		{"3018", "time to result", "提取/上传出样时间"},
		{"3019", "device identity", "提取/上传设备唯一标识"},
		{"3020", "device information", "提取/上传现场机信息"},
		{"3021", "set device parameters", "设置现场机参数"},
		{"9011", "request acknowledged", "请求应答"},
		{"9012", "result of execution", "执行结果"},
		{"9013", "notice acknowledged", "通知应答"},
		{"9014", "data acknowledged", "数据应答"},
	} {
		m[c.CN] = c
	}
	return m
}()
