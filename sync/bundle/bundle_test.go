package bundle_test

import (
	"bytes"
	"testing"

	"fieldseal/sync/bundle/bundletest"
	"fieldseal/sync/bundle/verify"
	"fieldseal/sync/event"
)

func TestWholeCase(t *testing.T) {
	s := bundletest.NewStory(bundletest.New(t))
	v := s.Verify(s.Bundle(s.Options()), verify.Options{})
	t.Log(bundletest.Summary(v))
	if v.Result == verify.NotAuthentic {
		t.Fatal("an untouched bundle is not authentic")
	}
}

func TestExhibit(t *testing.T) {
	s := bundletest.NewStory(bundletest.New(t))
	o := s.Options()
	o.Exhibits = []event.Ref{{Kind: "sample", ID: s.Sample}}
	v := s.Verify(s.Bundle(o), verify.Options{})
	t.Log(bundletest.Summary(v))
	if v.Result == verify.NotAuthentic {
		t.Fatal("an untouched bundle is not authentic")
	}
	d := v.Bundle.Disclosure
	t.Logf("%+v", d)
	if d.Hidden == 0 {
		t.Error("nothing is hidden")
	}
}

func TestSameContentsSameBytes(t *testing.T) {
	s := bundletest.NewStory(bundletest.NewEd25519(t))
	o := s.Options()
	if a, b := s.Bundle(o), s.Bundle(o); !bytes.Equal(a, b) {
		t.Error("the same case gave two different bundles")
	}
}
