// Package report writes what a bundle or a verdict says for people: one HTML page
// in English or Chinese, grouped by exhibit, that stands alone. It has no script,
// loads nothing, prints on A4, and every section that has nothing says so
// ("none recorded", “未记录”) instead of being left out.
//
// The page never says more than the data: findings come from the custody record,
// answers of checks from the verdict, and what a pass does not prove is part of
// every page. Originals and derivatives are listed apart.
//
// A page made with a bundle is the authority's own summary and says that it
// proves nothing by itself; a page made from a verdict says who checked what.
package report
