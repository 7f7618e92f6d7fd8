package console

import (
	"fmt"
	"html/template"
	"strings"

	"github.com/skip2/go-qrcode"
)

// qrSVG draws a text as a QR code, an SVG without any style of its own: it is read
// by a camera and by the scanners that type. title says to a screen reader what it is.
func qrSVG(text, title string) (template.HTML, error) {
	q, err := qrcode.New(text, qrcode.Medium)
	if err != nil {
		return "", err
	}
	bits := q.Bitmap()
	var path strings.Builder
	for y, row := range bits {
		for x := 0; x < len(row); x++ {
			if !row[x] {
				continue
			}
			from := x
			for x < len(row) && row[x] {
				x++
			}
			fmt.Fprintf(&path, "M%d %dh%dv1h-%dz", from, y, x-from, x-from)
		}
	}
	n := len(bits)
	return template.HTML(fmt.Sprintf(`<svg class="qr" role="img" viewBox="0 0 %d %d" shape-rendering="crispEdges"><title>%s</title><path fill="#fff" d="M0 0h%dv%dH0z"/><path d="%s"/></svg>`,
		n, n, template.HTMLEscapeString(title), n, n, path.String())), nil
}
