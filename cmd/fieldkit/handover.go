package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"fieldseal/mobile-contract/device"
	"fieldseal/mobile-contract/device/carry"
	"fieldseal/sync/decimal"
	"fieldseal/sync/event"

	"github.com/spf13/cobra"
)

func handoverCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "handover", Short: "Hand items over between two devices, with or without a network",
		Long:    "Hand items over between two devices. The giver offers, the receiver accepts what the giver shows, the giver concludes with what the receiver shows. The texts go by QR code, file or copy and paste; no network is needed, and either device may sync first.",
		Example: "  fieldkit --store li handover offer --case 2026-HW-017 --item sample:S-0001 --to \"Zhao Min\" --purpose transport --place \"depot gate\" > offer.txt\n  fieldkit --store zhao handover accept --item sample:S-0001=C-7781=intact offer.txt > answer.txt\n  fieldkit --store li handover conclude answer.txt",
	}
	c.AddCommand(offerCommand(), acceptCommand(), declineCommand(), concludeCommand())
	return c
}

func offerCommand() *cobra.Command {
	var items []string
	var to, toOrg, mode, temp, qr string
	req := device.OfferRequest{Introduce: true}
	c := &cobra.Command{Use: "offer", Short: "Offer items; they stay with you until the other side has accepted", Args: cobra.NoArgs,
		Example: "  fieldkit handover offer --case 2026-HW-017 --item sample:S-0001 --to \"East Laboratory\" --mode courier --carrier \"SF Express\" --tracking-no SF10 --purpose analysis --place depot > offer.txt"}
	f := c.Flags()
	f.String("case", "", "`number` or id of the case")
	f.StringArrayVar(&items, "item", nil, "what is handed over, `KIND:LABEL[=SEAL_STATE]`; repeatable")
	f.StringVar(&to, "to", "", "`name` of who receives")
	f.StringVar(&toOrg, "to-org", "", "`name` of their organisation")
	f.StringVar(&mode, "mode", "by_hand", "by_hand, courier or storage")
	f.StringVar(&req.Carrier, "carrier", "", "`name` of the courier")
	f.StringVar(&req.TrackingNo, "tracking-no", "", "the courier's `number`")
	f.StringVar(&req.Purpose, "purpose", "", "`why`")
	f.StringVar(&req.Place, "place", "", "`where`")
	f.StringVar(&temp, "temp-c", "", "temperature of the cooler, `degrees` Celsius")
	f.StringVar(&req.Exceptions, "exceptions", "", "`what` is not as it should be")
	f.StringVar(&qr, "qr", "", "also write QR pictures `FILE`-1.png, FILE-2.png …")
	c.RunE = func(c *cobra.Command, _ []string) error {
		return within(c, func(s *device.Store) error {
			d, err := draftFor(c, s, event.TypeCustodyOffered)
			if err != nil {
				return err
			}
			req.Case, req.Mode, req.To.Name = d.Case, event.Mode(mode), to
			find := &things{c: c, s: s, in: d.Case}
			if toOrg != "" {
				if req.To.Org, err = find.who(toOrg); err != nil {
					return err
				}
			}
			if id, err := find.who(to); err == nil && req.To.Org != id {
				req.To.Person = id
			}
			if temp != "" {
				t, err := decimal.Parse(temp)
				if err != nil {
					return err
				}
				req.TempC = &t
			}
			for _, text := range items {
				ref, state, _ := strings.Cut(text, "=")
				kind, label, _ := strings.Cut(ref, ":")
				id, err := find.thing(kind, label)
				if err != nil {
					return err
				}
				if state == "" {
					state = "intact"
				}
				req.Items = append(req.Items, event.HandoverItem{Item: event.Ref{Kind: event.RefKind(kind), ID: id}, Seal: event.SealState(state)})
			}
			h, err := s.Offer(c.Context(), req)
			if err != nil {
				return err
			}
			return show(c, h, qr)
		})
	}
	return c
}

// show prints what the other side needs, and draws it where asked.
func show(c *cobra.Command, h *device.Handed, qr string) error {
	text, err := h.Text(0)
	if err != nil {
		return err
	}
	for _, w := range h.Warnings {
		fmt.Fprintln(c.ErrOrStderr(), "note:", w)
	}
	if h.Saved.Seq > 0 && !h.Again {
		fmt.Fprintf(c.ErrOrStderr(), "saved  no. %d  %s; show the other side the text on standard output\n", h.Saved.Seq, h.Saved.Type)
	}
	fmt.Fprintln(c.OutOrStdout(), strings.Join(text, "\n"))
	if qr == "" {
		return nil
	}
	parts, err := h.Text(carry.QRText)
	if err != nil {
		return err
	}
	for i, p := range parts {
		png, err := device.QRCode(p)
		if err != nil {
			return err
		}
		if err := os.WriteFile(fmt.Sprintf("%s-%d.png", strings.TrimSuffix(qr, ".png"), i+1), png, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// heard reads the other side's text: an argument that is a file, or standard input.
func heard(c *cobra.Command, args []string) (string, error) {
	path := "-"
	if len(args) == 1 {
		path = args[0]
	}
	data, err := readInput(c, path)
	return strings.TrimSpace(string(data)), err
}

func acceptCommand() *cobra.Command {
	var items, missing []string
	var temp, qr string
	var count int64
	find := device.Findings{Introduce: true}
	c := &cobra.Command{Use: "accept [FILE]", Short: "Accept an offer after looking at every seal", Args: cobra.MaximumNArgs(1), Example: "  fieldkit handover accept --item sample:S-0001=C-7781=intact offer.txt > answer.txt"}
	f := c.Flags()
	f.StringArrayVar(&items, "item", nil, "an item that is there, its seal number and the seal's state as found: `LABEL=SEAL=STATE`; repeatable")
	f.StringArrayVar(&missing, "missing", nil, "`LABEL` of an item that is not there; repeatable")
	f.StringVar(&temp, "temp-c", "", "temperature of the cooler, `degrees` Celsius")
	f.Int64Var(&count, "count", 0, "number of items as counted (those that are there)")
	f.StringVar(&find.Exceptions, "exceptions", "", "`what` is not as it should be")
	f.BoolVar(&find.Anyone, "anyone", false, "accept although the terms name another receiver")
	f.StringVar(&qr, "qr", "", "also write QR pictures `FILE`-1.png, FILE-2.png …")
	c.RunE = func(c *cobra.Command, args []string) error {
		text, err := heard(c, args)
		if err != nil {
			return err
		}
		return within(c, func(s *device.Store) error {
			h, err := s.Peek(c.Context(), text)
			if err != nil {
				return err
			}
			if err := found(&find, h.Terms, items, missing); err != nil {
				return err
			}
			if find.Count = count; count == 0 {
				find.Count = int64(len(find.Seals))
			}
			if temp != "" {
				t, err := decimal.Parse(temp)
				if err != nil {
					return err
				}
				find.TempC = &t
			}
			if h, err = s.Accept(c.Context(), text, find); err != nil {
				return err
			}
			return show(c, h, qr)
		})
	}
	return c
}

// found matches what the receiver states with the list in the terms.
func found(f *device.Findings, t event.Terms, items, missing []string) error {
	byLabel := map[string]event.HandoverItem{}
	for _, i := range t.Items {
		byLabel[i.Label] = i
	}
	for _, text := range items {
		part := strings.Split(text, "=")
		i, ok := byLabel[part[0]]
		if !ok || len(part) != 3 {
			return fmt.Errorf("--item %q: write LABEL=SEAL=STATE of an item on the list", text)
		}
		f.Seals = append(f.Seals, event.SealFound{Item: i.Item, SealNo: part[1], Seal: event.SealState(part[2])})
	}
	for _, label := range missing {
		i, ok := byLabel[label]
		if !ok {
			return fmt.Errorf("--missing %q is not on the list", label)
		}
		f.Missing = append(f.Missing, i.Item)
	}
	return nil
}

func declineCommand() *cobra.Command {
	var reason string
	c := &cobra.Command{Use: "decline [FILE]", Short: "Refuse an offer; the items stay with the giver", Args: cobra.MaximumNArgs(1), Example: "  fieldkit handover decline --reason \"seal broken\" offer.txt > answer.txt",
		RunE: func(c *cobra.Command, args []string) error {
			text, err := heard(c, args)
			if err != nil {
				return err
			}
			return within(c, func(s *device.Store) error {
				h, err := s.Decline(c.Context(), text, reason)
				if err != nil {
					return err
				}
				return show(c, h, "")
			})
		}}
	c.Flags().StringVar(&reason, "reason", "", "`why`")
	return c
}

func concludeCommand() *cobra.Command {
	return &cobra.Command{Use: "conclude [FILE]", Short: "Take in the receiver's answer to your offer", Args: cobra.MaximumNArgs(1), Example: "  fieldkit handover conclude answer.txt",
		RunE: func(c *cobra.Command, args []string) error {
			text, err := heard(c, args)
			if err != nil {
				return err
			}
			return within(c, func(s *device.Store) error {
				done, err := s.Conclude(c.Context(), text)
				if err != nil {
					return err
				}
				for _, w := range done.Warnings {
					fmt.Fprintln(c.ErrOrStderr(), "note:", w)
				}
				if done.Declined != "" {
					fmt.Fprintf(c.OutOrStdout(), "declined: %s. The items are still with you\n", done.Declined)
					return errNo
				}
				fmt.Fprintln(c.OutOrStdout(), "concluded: the items are with the receiver")
				return nil
			})
		}}
}

// resultsCommand enters a laboratory report.
func resultsCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "results", Short: "Report laboratory results from a JSON body", Args: cobra.NoArgs,
		Example: "  fieldkit results --case 2026-HW-017 --report-no E26-0417 --results '[{\"result\":\"…\",\"sample_code\":\"S-0001\",…}]'",
	}
	c.Flags().String("case", "", "`number` or id of the case")
	placeFlags(c)
	bodyFlags(c, event.TypeResultsReported.BodyType())
	c.RunE = func(c *cobra.Command, _ []string) error {
		return within(c, func(s *device.Store) error {
			d, err := draftFor(c, s, event.TypeResultsReported)
			if err != nil {
				return err
			}
			if d.Body, err = readBody(c, event.TypeResultsReported, &things{c: c, s: s, in: d.Case}); err != nil {
				return err
			}
			return capture(c, s, d)
		})
	}
	return c
}

// signCommand signs a report, over the ids of its parts.
func signCommand() *cobra.Command {
	var as, opinion string
	c := &cobra.Command{Use: "sign REPORT", Short: "Sign a laboratory report as analyst, reviewer or approver", Args: cobra.ExactArgs(1), Example: "  fieldkit sign --case 2026-HW-017 --as reviewer 0193…"}
	c.Flags().String("case", "", "`number` or id of the case")
	c.Flags().StringVar(&as, "as", "reviewer", "analyst, reviewer or approver")
	c.Flags().StringVar(&opinion, "opinion", "", "`text`")
	placeFlags(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		return within(c, func(s *device.Store) error {
			d, err := draftFor(c, s, event.TypeReportSigned)
			if err != nil {
				return err
			}
			report, err := (&things{c: c, s: s, in: d.Case}).thing("report", args[0])
			if err != nil {
				return err
			}
			list, err := s.Things(c.Context(), device.ThingFilter{Case: d.Case, Kind: "report"})
			if err != nil {
				return err
			}
			var ids []event.ID
			for _, t := range list {
				if t.ID == report {
					ids = append(ids, t.Event)
				}
			}
			if len(ids) == 0 {
				return errors.New("this device does not have the report; sync first")
			}
			d.Body = &event.ReportSigned{Report: report, As: event.Signer(as), Digest: sumOfIDs(ids), Opinion: opinion}
			return capture(c, s, d)
		})
	}
	return c
}
