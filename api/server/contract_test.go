package server_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"regexp"
	"strings"
	"sync"

	"fieldseal/mobile-contract/openapi"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"
)

// contract checks answers against openapi.yaml. Objects are closed first: what the
// description leaves open for the future, today's server must not use unsaid.
type contract struct {
	doc      map[string]any
	routes   []described
	compiler *jsonschema.Compiler
	mu       sync.Mutex
	compiled map[string]*jsonschema.Schema
	seen     map[string]bool
}

type described struct {
	openapi.Route
	path *regexp.Regexp
}

const contractURL = "https://fieldseal.test/openapi.json"

var theContract = sync.OnceValues(readContract)

func readContract() (*contract, error) {
	var tree any
	if err := yaml.Unmarshal(openapi.YAML, &tree); err != nil {
		return nil, err
	}
	text, err := json.Marshal(tree)
	if err != nil {
		return nil, err
	}
	root, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	c := &contract{doc: root.(map[string]any), compiler: jsonschema.NewCompiler(), compiled: map[string]*jsonschema.Schema{}, seen: map[string]bool{}}
	for _, s := range c.at("components", "schemas") {
		if o := s.(map[string]any); o["additionalProperties"] == nil {
			o["additionalProperties"] = false
		}
	}
	c.compiler.DefaultDraft(jsonschema.Draft2020)
	if err := c.compiler.AddResource(contractURL, root); err != nil {
		return nil, err
	}
	for _, r := range openapi.Routes() {
		pattern := strings.ReplaceAll(regexp.QuoteMeta(r.Path), `\{path\}`, `.+`) // has slashes in it
		pattern = regexp.MustCompile(`\\\{\w+\\\}`).ReplaceAllString(pattern, `[^/]+`)
		c.routes = append(c.routes, described{r, regexp.MustCompile("^" + pattern + "$")})
	}
	return c, nil
}

func (c *contract) at(keys ...string) map[string]any {
	o := c.doc
	for _, k := range keys {
		o, _ = o[k].(map[string]any)
	}
	return o
}

// route finds the operation of a request; a fixed path outranks one with parameters.
func (c *contract) route(method, path string) (r described, ok bool) {
	for _, d := range c.routes {
		if d.Method == method && d.path.MatchString(path) && (!ok || strings.Count(d.Path, "{") < strings.Count(r.Path, "{")) {
			r, ok = d, true
		}
	}
	return r, ok
}

func (c *contract) schema(pointer string) (*jsonschema.Schema, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.compiled[pointer]; s != nil {
		return s, nil
	}
	s, err := c.compiler.Compile(contractURL + "#" + pointer)
	if err == nil {
		c.compiled[pointer] = s
	}
	return s, err
}

// check says what of an answer the description does not foresee.
func (c *contract) check(method, path string, status int, header http.Header, body []byte) error {
	pointer := ""
	mediaType, _, _ := mime.ParseMediaType(header.Get("Content-Type"))
	r, known := c.route(method, path)
	switch {
	case !known:
		if status < 400 {
			return fmt.Errorf("answered, but not described")
		}
		pointer = "/components/schemas/Error"
	default:
		answer, ok := c.at("paths", r.Path, strings.ToLower(method), "responses")[fmt.Sprint(status)].(map[string]any)
		if !ok {
			return fmt.Errorf("status %d is not described for %s %s", status, r.Method, r.Path)
		}
		content, _ := answer["content"].(map[string]any)
		if method == http.MethodHead {
			content = nil
		}
		c.mu.Lock()
		c.seen[fmt.Sprintf("%s %s %d", r.Method, r.Path, status)] = true
		c.mu.Unlock()
		if content == nil {
			if len(body) > 0 {
				return fmt.Errorf("status %d has no body in the description, but came with %d bytes", status, len(body))
			}
			return nil
		}
		if content[mediaType] == nil && content["application/octet-stream"] == nil {
			return fmt.Errorf("status %d: media type %q is not described", status, mediaType)
		}
		if mediaType != "application/json" {
			return nil
		}
		escape := strings.NewReplacer("~", "~0", "/", "~1")
		pointer = "/paths/" + escape.Replace(r.Path) + "/" + strings.ToLower(method) + "/responses/" + fmt.Sprint(status) + "/content/application~1json/schema"
		pointer = strings.NewReplacer("{", "%7B", "}", "%7D").Replace(pointer)
	}
	if mediaType != "application/json" {
		return fmt.Errorf("status %d: an error's media type is %q", status, mediaType)
	}
	s, err := c.schema(pointer)
	if err != nil {
		return err
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("status %d: not JSON: %w: %.200s", status, err, body)
	}
	return s.Validate(v)
}
