// Command custody-verify checks an evidence bundle from its file alone and says
// what it comes to, by exhibit. It imports no store and no web framework. Built
// for js/wasm it gives a page the same verification (see page_js.go).
package main
