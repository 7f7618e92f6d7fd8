// Package manifest reads the papers of a transport of waste (hazardous-waste
// manifests and freight waybills) into neutral quantities, parties and points
// on the way.
//
// # e-Manifest JSON
//
// [ParseJSON] reads a manifest of the EPA's e-Manifest system, schema 1.3, or a
// list of them. Units and containers are codes there (G is US gallons, T is
// short tons, DM is metal drums).
//
// # Waybill CSV
//
// [ParseWaybills] reads a table with one header line; encodings, delimiters and
// dates are those of package sheet. Columns are found by name, in any order;
// the first name is ours:
//
//	waybill_no            waybill, order_no, 运单号, 运单编号           required in each row
//	record                类型: waybill (default) or point
//	plate                 plate_no, vehicle, 车牌号, 车牌
//	driver                司机, 驾驶员
//	shipper_id, shipper   托运人编号, 托运人, 发货方
//	carrier_id, carrier   承运人编号, 承运人
//	consignee_id, consignee  收货人编号, 收货人, 收货方
//	waste                 goods, 货物名称, 废物名称
//	waste_code            废物代码
//	container_type        包装方式, 容器类型
//	containers            件数, 容器数量
//	quantity, unit        数量, 重量; 单位 (a unit in brackets in the header counts)
//	gross_kg, tare_kg, net_kg  毛重, 皮重, 净重 (kilograms, or the unit in brackets)
//	weighbridge_no        磅单号, 地磅编号
//	load_time, load_place, load_lat, load_lon      装货时间, 装货地点, 装货纬度, 装货经度
//	tip_time, tip_place, tip_lat, tip_lon          卸货时间, 卸货地点, 卸货纬度, 卸货经度 (also unload_…)
//	kind, time, place, lat, lon                    of a point row: load, way or tip; 时间, 地点, 纬度, 经度
//	datum                 坐标系: WGS-84 or GCJ-02
//
// A point row belongs to the waybill whose number it carries. Coordinates
// without a datum, in the row or in Options, are an error: it is never guessed.
//
// # Masses
//
// Quantity.MassKG is set only where the paper states a mass, or a volume with a
// density. Gallons alone are no mass. Every figure keeps its text and unit.
package manifest
