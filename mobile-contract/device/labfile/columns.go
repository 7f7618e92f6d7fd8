package labfile

import (
	"strings"

	"fieldseal/mobile-contract/device/sheet"
)

// Field is what a column is taken for.
type Field string

// The fields.
const (
	fSample         Field = "sample_id"
	fSampleCode     Field = "sample_code"
	fLabSample      Field = "lab_sample_id"
	fLocation       Field = "location"
	fPoint          Field = "point"
	fMatrix         Field = "matrix"
	fLab            Field = "lab"
	fCOC            Field = "coc"
	fAnalyte        Field = "analyte"
	fCAS            Field = "cas"
	fMethod         Field = "method"
	fMethodName     Field = "method_name"
	fPrep           Field = "prep_method"
	fFraction       Field = "fraction"
	fBasis          Field = "basis"
	fResult         Field = "result"
	fUnit           Field = "unit"
	fDetect         Field = "detect_flag"
	fQualifier      Field = "lab_qualifier"
	fOperator       Field = "value_qualifier"
	fValidation     Field = "validation_qualifier"
	fMDL            Field = "mdl"
	fRL             Field = "rl"
	fDilution       Field = "dilution"
	fUncertainty    Field = "uncertainty"
	fCoverage       Field = "coverage_k"
	fSampled        Field = "sampled"
	fSampledTime    Field = "sampled_time"
	fReceived       Field = "received"
	fReceivedTime   Field = "received_time"
	fPrepared       Field = "prepared"
	fPreparedTime   Field = "prepared_time"
	fAnalysed       Field = "analysed"
	fAnalysedTime   Field = "analysed_time"
	fReported       Field = "reported"
	fBatch          Field = "batch"
	fPrepBatch      Field = "prep_batch"
	fInstrument     Field = "instrument"
	fQC             Field = "qc"
	noField         Field = ""
	zhMarkThreshold       = 4 // Chinese names that make a file of Chinese layout
)

// names maps a column name, folded, to its field. The first group of a
// field are EQuIS and EDF names, then others seen, then Chinese ones.
var names = func() map[string]Field {
	m := map[string]Field{}
	for field, list := range map[Field]string{
		fSample:       "sys_sample_code sampid sample_id sampleid sample_no sample_number sample_name client_sample_id field_sample_id 样品编号 样品号 样品名称 样品标识 原样编号",
		fSampleCode:   "code sample_code",
		fLabSample:    "lab_sample_id labsampid lab_id laboratory_id lab_sample_no lab_sample_number 实验室编号 实验室样品编号 检测编号",
		fLocation:     "sys_loc_code sitecode site_code loc_id location locid location_id station station_id 点位 采样点位 采样点 点位名称 监测点位",
		fPoint:        "samp_pt_name sample_point point 采样位置",
		fMatrix:       "sample_matrix_code matrix lab_matrix_code sample_matrix medium 基质 样品类型 样品类别 介质",
		fLab:          "lab lab_name lab_name_code labcode laboratory 实验室 检测机构 检测单位",
		fCOC:          "coc coc_no cocnum chain_of_custody custody_form 交接单号 流转单号",
		fAnalyte:      "chemical_name analyte analyte_name parameter parameter_name compound parlabel component 检测项目 分析项目 监测项目 项目 项目名称 检测参数 分析物",
		fCAS:          "cas_rn cas_no cas casrn cas_number casno cas号 cas编号",
		fMethod:       "analytical_method lab_anl_method_name anmcode method analysis_method test_method method_code 检测方法 分析方法 方法 方法依据 检测依据 方法标准号",
		fMethodName:   "method_name method_description 方法名称",
		fPrep:         "prep_method exmcode lab_prep_method_name extraction_method preparation_method 前处理方法 预处理方法",
		fFraction:     "fraction total_or_dissolved parameter_fraction 形态",
		fBasis:        "basis result_basis measure_basis 干湿基 计量基准",
		fResult:       "result_value parval result concentration value reported_result result_text 检测结果 结果 测定结果 测定值 检测值 浓度",
		fUnit:         "result_unit parun units unit result_units reporting_units 单位 计量单位 结果单位",
		fDetect:       "detect_flag detected detect 是否检出",
		fQualifier:    "lab_qualifiers lab_qualifier lab_qual lnote lab_flag 限定符 实验室限定符 数据标识",
		fOperator:     "parvq",
		fValidation:   "validator_qualifiers validation_qualifier qualifier interpreted_qualifiers final_qualifier 审核限定符",
		fMDL:          "method_detection_limit mdl labdl detection_limit 检出限 方法检出限",
		fRL:           "reporting_detection_limit reporting_limit rl repdl quantitation_limit pql loq mrl 定量限 报告限 测定下限",
		fDilution:     "dilution_factor dilfac dilution 稀释倍数 稀释因子",
		fUncertainty:  "uncertainty result_error_delta expanded_uncertainty 不确定度 扩展不确定度",
		fCoverage:     "coverage_factor k 包含因子",
		fSampled:      "sample_date logdate date_sampled collection_date sampling_date date_collected sample_datetime 采样日期 采样时间",
		fSampledTime:  "sample_time logtime collection_time",
		fReceived:     "received_date recdate date_received receipt_date sample_receipt_date 收样日期 接样日期 收样时间 接样时间",
		fReceivedTime: "received_time rectime",
		fPrepared:     "prep_date extdate extraction_date preparation_date date_extracted date_prepared 前处理日期 制备日期 前处理时间",
		fPreparedTime: "prep_time exttime extraction_time",
		fAnalysed:     "analysis_date anadate date_analyzed date_analysed analyzed_date analysis_datetime 分析日期 检测日期 分析时间 检测时间 测定日期",
		fAnalysedTime: "analysis_time anatime",
		fReported:     "report_date rep_date repdate date_reported 报告日期",
		fBatch:        "test_batch_id lablotctl batch batch_id analysis_batch run_number 批次号 批号 分析批号",
		fPrepBatch:    "prep_batch_id prep_batch extraction_batch 前处理批号",
		fInstrument:   "instrument_id instrument instrument_name 仪器 仪器编号 仪器名称",
		fQC:           "sample_type_code qccode qc_code qc_type sample_type 质控类型 质控标识",
	} {
		for _, n := range strings.Fields(list) {
			m[sheet.Fold(n)] = field
		}
	}
	return m
}()

// header takes a record for a header: its fields, and how many were found. It
// is none without a sample, an analyte (or CAS number) and a result.
func header(cells []string) (fields []Field, found int) {
	have := map[Field]bool{}
	for _, c := range cells {
		f := names[sheet.Fold(c)]
		fields = append(fields, f)
		if f != noField && !have[f] {
			found++
		}
		have[f] = true
	}
	if !have[fSample] && !have[fLabSample] && !have[fSampleCode] || !have[fAnalyte] && !have[fCAS] || !have[fResult] {
		return nil, 0
	}
	return fields, found
}

// layout names the kind of deliverable by its column names.
func layout(cells []string) Layout {
	have, zh := map[string]bool{}, 0
	for _, c := range cells {
		k := sheet.Fold(c)
		have[k] = true
		if names[k] != noField && strings.ContainsFunc(k, func(r rune) bool { return r >= 0x4E00 }) {
			zh++
		}
	}
	switch {
	case have["parlabel"] && have["parval"]:
		return EDF
	case have["syssamplecode"] && have["resultvalue"]:
		return EQuIS
	case zh >= zhMarkThreshold:
		return Chinese
	}
	return General
}
