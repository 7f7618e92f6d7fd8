package custody

import (
	"slices"
	"strings"
	"testing"
)

// promised are the codes of the domain text; each has to be registered.
const promised = `CUSTODY_GAP CUSTODY_OVERLAP HANDOVER_ONE_SIDED SIGN_DIGEST_MISMATCH RECEIVER_NEQ_NEXT_RELINQUISHER
	SELF_HANDOVER RECEIVE_BEFORE_RELINQUISH SEAL_NUMBER_CHANGED SEAL_BROKEN_ON_RECEIPT SEAL_MISSING SEAL_REUSED COUNT_MISMATCH
	UNEXPECTED_ITEM LABEL_COC_MISMATCH DUPLICATE_SAMPLE_ID WRONG_CONTAINER_OR_PRESERVATIVE TEMP_OUT_OF_RANGE HEADSPACE_VOA
	HOLD_TIME_EXCEEDED HOLD_TIME_UNCOMPUTABLE QC_BLANK_MISSING BLANK_CONTAMINATED DUPLICATE_RPD_HIGH INSUFFICIENT_MASS_BALANCE
	SUBSAMPLE_ORPHAN LAB_NOT_ACCREDITED METHOD_OUT_OF_SCOPE ANALYSIS_BEFORE_RECEIPT REPORT_SIGNERS_INCOMPLETE CAS_CHECKDIGIT_BAD
	RESULT_LT_MDL_NOT_QUALIFIED UNIT_OR_BASIS_MISMATCH EDIT_AFTER_SIGN DISPOSED_UNDER_HOLD LEGAL_REVIEW_MISSING
	TRANSFER_DEADLINE_MISSED WAIVER_WITHOUT_AUTHORITY NO_CASE_RIGHT AMENDMENT_NOT_APPLIED`

func TestEveryPromisedCodeIsRegistered(t *testing.T) {
	for code := range strings.FieldsSeq(promised) {
		if specs[Code(code)] == nil {
			t.Errorf("%s is not registered", code)
		}
	}
}

// TestTextsAskForTheSameFacts: a fact that one language names and the other does
// not is a fact that some reader is not told.
func TestTextsAskForTheSameFacts(t *testing.T) {
	same := func(code Code, what string, text Text) {
		if text.EN == "" || text.ZH == "" {
			t.Errorf("%s %s: a language is missing", code, what)
		}
		if en, zh := placeholders(text.EN), placeholders(text.ZH); !slices.Equal(en, zh) {
			t.Errorf("%s %s: English asks for %v, Chinese for %v", code, what, en, zh)
		}
	}
	for _, d := range Catalog() {
		same(d.Code, "title", d.Title)
		same(d.Code, "explanation", d.Explanation)
		same(d.Code, "cure", d.Cure)
		for _, v := range d.Variants {
			same(d.Code, v.Variant, v.Explanation)
			same(d.Code, v.Variant+" cure", v.Cure)
		}
	}
}
