package console

import (
	"embed"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
)

//go:embed words
var wordFiles embed.FS

// languages are those that the desks speak, each with its name in itself.
var languages = []struct{ Code, Tag, Name string }{{"en", "en", "English"}, {"zh", "zh-CN", "简体中文"}}

// words are the texts of one language by their keys.
type words map[string]string

// readWords reads every file words/DESK.LANGUAGE.json. A key that two files have is an error.
func readWords() (map[string]words, error) {
	out := map[string]words{}
	for _, l := range languages {
		out[l.Code] = words{}
	}
	names, err := fs.Glob(wordFiles, "words/*.json")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		data, err := wordFiles.ReadFile(name)
		if err != nil {
			return nil, err
		}
		parts := strings.Split(name, ".")
		into, ok := out[parts[len(parts)-2]]
		if len(parts) != 3 || !ok {
			return nil, fmt.Errorf("console: %s is of no language that the desks speak", name)
		}
		var file map[string]string
		if err := json.Unmarshal(data, &file); err != nil {
			return nil, fmt.Errorf("console: %s: %w", name, err)
		}
		for k, v := range file {
			if _, twice := into[k]; twice {
				return nil, fmt.Errorf("console: %s: %s has been said before", name, k)
			}
			into[k] = v
		}
	}
	return out, nil
}

// say gives the text of a key with its arguments {0}, {1}. A key that does not exist
// is an error of the program: the page fails in its tests, not before a reader.
func (w words) say(key string, args ...any) (string, error) {
	text, ok := w[key]
	if !ok {
		return "", fmt.Errorf("console: there are no words for %q", key)
	}
	for i, a := range args {
		text = strings.ReplaceAll(text, "{"+strconv.Itoa(i)+"}", fmt.Sprint(a))
	}
	return text, nil
}

// under gives the words whose keys begin with one of the prefixes, for scripts.
func (w words) under(prefixes ...string) map[string]string {
	out := map[string]string{}
	for k, v := range w {
		for _, p := range prefixes {
			if strings.HasPrefix(k, p) {
				out[k] = v
			}
		}
	}
	return out
}
