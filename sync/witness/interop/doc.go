// Package interop lets this product's witness and this product's log meet those
// of others: the witness, the client and the cosignature format of
// transparency-dev. It is a module of its own, so that nothing of what they are
// built from becomes part of the product. Run it with: make interop
package interop
