// Package browsertest drives a real Chromium for tests of the desks.
//
// One browser is started for a test binary, by the first test that opens a page,
// and ended by [Main]; each [Page] is a browser profile of its own, with its own
// cookies and its own IndexedDB, so two pages are two people at two machines.
//
// A page fails its test on what no desk may ever do: an uncaught exception, an
// error on the console, a violation of the content security policy, a request to
// another host. [Page.Audit] measures what a person needs: contrast by WCAG 2 AA
// with the colours that the browser paints, and a name for everything that can be
// operated. [Page.Shot] keeps a picture under .ci/out/screens.
//
// Where no Chromium is installed the test is skipped, unless
// FIELDSEAL_REQUIRE_CHROMIUM=1 says that it must be there.
package browsertest
