package manifest

import (
	"strings"

	"fieldseal/mobile-contract/device/sheet"
)

// field is what a column is taken for.
type field string

// names maps folded column names to fields, see the package comment.
var names = func() map[string]field {
	m := map[string]field{}
	for f, list := range map[field]string{
		"waybill_no":     "waybill_no waybill waybill_number order_no 运单号 运单编号 电子运单号",
		"record":         "record 类型 记录类型",
		"plate":          "plate plate_no vehicle 车牌号 车牌 车牌号码",
		"driver":         "driver 司机 驾驶员",
		"shipper_id":     "shipper_id 托运人编号",
		"shipper":        "shipper 托运人 发货方 发货人",
		"carrier_id":     "carrier_id 承运人编号",
		"carrier":        "carrier 承运人",
		"consignee_id":   "consignee_id 收货人编号",
		"consignee":      "consignee 收货人 收货方",
		"waste":          "waste goods 货物名称 废物名称 货物",
		"waste_code":     "waste_code 废物代码",
		"container_type": "container_type 包装方式 容器类型",
		"containers":     "containers 件数 容器数量",
		"quantity":       "quantity amount 数量 重量",
		"unit":           "unit 单位",
		"gross":          "gross_kg gross 毛重",
		"tare":           "tare_kg tare 皮重",
		"net":            "net_kg net 净重",
		"weighbridge_no": "weighbridge_no 磅单号 地磅编号",
		"load_time":      "load_time 装货时间",
		"load_place":     "load_place 装货地点 装货地址",
		"load_lat":       "load_lat 装货纬度",
		"load_lon":       "load_lon 装货经度",
		"tip_time":       "tip_time unload_time 卸货时间",
		"tip_place":      "tip_place unload_place 卸货地点 卸货地址",
		"tip_lat":        "tip_lat unload_lat 卸货纬度",
		"tip_lon":        "tip_lon unload_lon 卸货经度",
		"kind":           "kind 点类型",
		"time":           "time 时间 定位时间",
		"place":          "place 地点 位置",
		"lat":            "lat latitude 纬度",
		"lon":            "lon long longitude 经度",
		"datum":          "datum 坐标系",
	} {
		for _, n := range strings.Fields(list) {
			m[sheet.Fold(n)] = f
		}
	}
	return m
}()

// header takes a record for a header: it needs a waybill number and one more
// known column. It returns how many columns were known.
func header(cells []string) (fields []field, found int) {
	numbered := false
	for _, c := range cells {
		f := names[sheet.Fold(c)]
		fields = append(fields, f)
		if f != "" {
			found++
		}
		numbered = numbered || f == "waybill_no"
	}
	if !numbered || found < 2 {
		return nil, 0
	}
	return fields, found
}

// bracketed is the unit in brackets behind a column name, "" when none.
func bracketed(name string) string {
	s := strings.NewReplacer("（", "(", "）", ")").Replace(name)
	_, rest, ok := strings.Cut(s, "(")
	if !ok {
		return ""
	}
	return strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), ")"))
}
