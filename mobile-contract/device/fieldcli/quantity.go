package fieldcli

import (
	"fieldseal/sync/event"

	"github.com/spf13/cobra"
)

func quantityFields(b *event.QuantityRecorded, f *fields) {
	thing(f, "party", "party", "whose waste it is", &b.Party)
	thing(f, "object", "object", "the heap, drum, vehicle … it was found in", &b.Object)
	thing(f, "site", "site", "the scene", &b.Site)
	text(f, "waste", "what the waste is", &b.Waste)
	text(f, "waste-code", "its code in the hazardous waste list", &b.WasteCode)
	word(f, "tier", "how well the quantity is known", &b.Tier)
	text(f, "container-type", "drums, bags …", &b.ContainerType)
	count(f, "containers", "number of containers", &b.Containers)
	figure(f, "gross-kg", "gross mass, kg", &b.GrossKG)
	figure(f, "tare-kg", "tare, kg", &b.TareKG)
	figure(f, "net-kg", "net mass, kg", &b.NetKG)
	text(f, "weighbridge-no", "number of the weighbridge", &b.WeighbridgeNo)
	day(f, "weighbridge-due", "when its verification lapses", &b.WeighbridgeDue)
	text(f, "waybill-no", "number of the waybill", &b.WaybillNo)
	text(f, "manifest-no", "number of the manifest", &b.ManifestNo)
	text(f, "plate", "plate of the vehicle", &b.Plate)
	text(f, "route", "the route", &b.Route)
	stamp(f, "from", "first day or time of it", &b.From)
	stamp(f, "to", "last day or time of it", &b.To)
	text(f, "basis", "how an estimate was come by", &b.Basis)
	file(f, "file", "the document that shows it", &b.Media)
}

func (a *app) quantityCommand() *cobra.Command {
	return group("quantity", "Record how much waste, of whom, and how well that is known",
		captureOne(a, spec[event.QuantityRecorded]{
			use: "add", short: "Record a quantity of waste",
			example: "  fieldkit quantity add --party \"Dye Works Ltd\" --waste \"spent solvent\" --waste-code 900-402-06 --tier weighed --gross-kg 18340 --tare-kg 9120 --net-kg 9220 --weighbridge-no WB-2 --plate 沪A12345",
			fields:  quantityFields,
		}), a.quantityImportCommand())
}
