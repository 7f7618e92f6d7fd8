package bag

import (
	"fmt"
	"strconv"
	"strings"

	"fieldseal/sync/event"
	"fieldseal/sync/ledger"
)

// The files that every bundle has.
const (
	PathBagIt       = "bagit.txt"
	PathBagInfo     = "bag-info.txt"
	PathBagManifest = "manifest-sha256.txt"
	PathTagManifest = "tagmanifest-sha256.txt"

	PathManifest   = "data/manifest.dsse"
	PathFiles      = "data/files.txt"
	PathReadme     = "data/README.html"
	PathVerify     = "data/VERIFY.md"
	PathVerifyZH   = "data/VERIFY.zh.md"
	PathEvents     = "data/events.ndjson"
	PathQuarantine = "data/quarantine.ndjson"
	PathChains     = "data/chains.ndjson"
	PathMedia      = "data/media.ndjson"
	PathCheckpoint = "data/ledger/checkpoint"
	PathLogKey     = "data/ledger/log.vkey"
	PathLogPEM     = "data/keys/log.pem"
	PathLeaves     = "data/ledger/leaves.txt"
	PathReport     = "data/report/index.html"
	PathReportZH   = "data/report/index.zh.html"
)

// PathTokenChain is a file that a bundle with time-stamp tokens has: the
// certificates from their makers to the roots that the authority trusts, as PEM.
const PathTokenChain = dirTSA + "chain.pem"

// PathFormer is a file of a bundle whose ledger continues another one that has the
// case too: that one's bundle of it.
const PathFormer = dirFormer + "bundle.zip"

// Folders of the files that vary.
const (
	dirKeys   = "data/keys/"
	dirMedia  = "data/media/"
	dirRules  = "data/rules/"
	dirSeen   = "data/ledger/seen/"
	dirTSA    = "data/ledger/tsa/"
	dirDated  = "data/ledger/dated/"
	dirLedger = "data/ledger/"
	dirFormer = "data/former/"

	dirFormerSeen = dirFormer + "seen/"

	folderPrefix = "fieldseal-"
)

// Folder is the bag's base directory, the one folder that the container holds.
func Folder(bundle event.UUID) string { return folderPrefix + bundle.String() }

// ParseFolder reads what Folder writes.
func ParseFolder(name string) (event.UUID, bool) {
	text, ok := strings.CutPrefix(name, folderPrefix)
	u, err := event.ParseUUID(text)
	return u, ok && err == nil
}

// tagFiles lists the files outside data/ in their order.
var tagFiles = []string{PathBagIt, PathBagInfo, PathBagManifest, PathTagManifest}

// always lists the files below data/ that every bundle has, but the first two.
var always = []string{PathReadme, PathVerify, PathVerifyZH, PathEvents, PathQuarantine, PathChains, PathMedia,
	PathCheckpoint, PathLogKey, PathLogPEM, PathLeaves, PathReport, PathReportZH}

// Class says what a file of the bundle is.
type Class int

// The classes of file. Only one file has each of the classes up to ClassReport.
const (
	ClassUnknown Class = iota
	ClassText          // README and VERIFY: for people, pinned and not read
	ClassReport        // the report: for people, pinned and not read
	ClassEvents
	ClassQuarantine
	ClassChains
	ClassMediaList
	ClassCheckpoint
	ClassLogKey
	ClassLogPEM
	ClassLeaves
	ClassKey
	ClassMedia
	ClassRules
	ClassSeenCheckpoint
	ClassSeenConsistency
	ClassTile
	ClassToken
	ClassTokenChain
	ClassDatedCheckpoint
	ClassDatedConsistency
	ClassDatedToken
	ClassFormer
	ClassFormerSeen
)

var fixed = map[string]Class{
	PathReadme: ClassText, PathVerify: ClassText, PathVerifyZH: ClassText, PathReport: ClassReport, PathReportZH: ClassReport,
	PathEvents: ClassEvents, PathQuarantine: ClassQuarantine, PathChains: ClassChains, PathMedia: ClassMediaList,
	PathCheckpoint: ClassCheckpoint, PathLogKey: ClassLogKey, PathLogPEM: ClassLogPEM, PathLeaves: ClassLeaves,
	PathTokenChain: ClassTokenChain, PathFormer: ClassFormer,
}

// Path is a file's place with what its name says.
type Path struct {
	Class Class
	// Digest is the key id of ClassKey and the file's digest of ClassMedia.
	Digest event.Digest
	// Size is the tree size of the ClassSeen, ClassDated and ClassFormerSeen classes.
	Size ledger.Size
	// Tile and Width are those of ClassTile.
	Tile  ledger.TileID
	Width int
}

// KeyPath is where the PEM form of a key stands.
func KeyPath(id event.Digest) string { return dirKeys + id.String() + ".pem" }

// MediaPath is where an original stands; ext is what Extension gives.
func MediaPath(sha256 event.Digest, ext string) string { return dirMedia + sha256.String() + "." + ext }

// RulesPath is where a rule pack stands.
func RulesPath(sha256 event.Digest) string { return dirRules + sha256.String() + ".json" }

// TilePath is where a tile of the given width stands.
func TilePath(id ledger.TileID, width int) string { return dirLedger + id.Path(width) }

// SeenCheckpointPath is where the signed note of an embedded checkpoint stands.
func SeenCheckpointPath(size ledger.Size) string {
	return fmt.Sprintf("%s%d/checkpoint", dirSeen, size)
}

// SeenConsistencyPath is where the proof from an embedded checkpoint stands.
func SeenConsistencyPath(size ledger.Size) string {
	return fmt.Sprintf("%s%d/consistency", dirSeen, size)
}

// FormerSeenPath is where the proof stands that leads from a checkpoint of the former
// ledger, which the events that only this ledger has embed, to that ledger's last one.
func FormerSeenPath(size ledger.Size) string {
	return fmt.Sprintf("%s%d/consistency", dirFormerSeen, size)
}

// TokenPath is where a token over the bundle's checkpoint stands. The name is 1 to 64 of a-z, 0-9 and -.
func TokenPath(name string) string { return dirTSA + name + tokenExtension }

// DatedCheckpointPath is where an earlier checkpoint stands that has tokens or cosignatures.
func DatedCheckpointPath(size ledger.Size) string {
	return fmt.Sprintf("%s%d/checkpoint", dirDated, size)
}

// DatedConsistencyPath is where the proof from it to the bundle's checkpoint stands.
func DatedConsistencyPath(size ledger.Size) string {
	return fmt.Sprintf("%s%d/consistency", dirDated, size)
}

// DatedTokenPath is where a token over it stands.
func DatedTokenPath(size ledger.Size, name string) string {
	return fmt.Sprintf("%s%d/%s%s", dirDated, size, name, tokenExtension)
}

const tokenExtension = ".tsr"

// ParsePath says what a file below data/ is, by its path; ClassUnknown where the
// layout has no such file.
func ParsePath(path string) Path {
	if c, ok := fixed[path]; ok {
		return Path{Class: c}
	}
	for dir, parse := range varying {
		if rest, ok := strings.CutPrefix(path, dir); ok {
			if p, ok := parse(rest); ok {
				return p
			}
		}
	}
	return Path{}
}

var varying = map[string]func(rest string) (Path, bool){
	dirKeys: func(s string) (Path, bool) {
		return digestName(s, ClassKey, func(ext string) bool { return ext == "pem" })
	},
	dirMedia: func(s string) (Path, bool) { return digestName(s, ClassMedia, validExtension) },
	dirRules: func(s string) (Path, bool) {
		return digestName(s, ClassRules, func(ext string) bool { return ext == "json" })
	},
	dirTSA: func(s string) (Path, bool) {
		name, ok := strings.CutSuffix(s, tokenExtension)
		return Path{Class: ClassToken}, ok && validToken(name)
	},
	dirSeen: func(s string) (Path, bool) {
		return treeName(s, map[string]Class{"checkpoint": ClassSeenCheckpoint, "consistency": ClassSeenConsistency})
	},
	dirDated: func(s string) (Path, bool) {
		if name, ok := strings.CutSuffix(s, tokenExtension); ok {
			size, name, _ := strings.Cut(name, "/")
			p, ok := treeName(size+"/token", map[string]Class{"token": ClassDatedToken})
			return p, ok && validToken(name)
		}
		return treeName(s, map[string]Class{"checkpoint": ClassDatedCheckpoint, "consistency": ClassDatedConsistency})
	},
	dirFormerSeen: func(s string) (Path, bool) {
		return treeName(s, map[string]Class{"consistency": ClassFormerSeen})
	},
	dirLedger: func(s string) (Path, bool) {
		id, width, err := ledger.ParseTilePath(s)
		return Path{Class: ClassTile, Tile: id, Width: width}, err == nil
	},
}

func digestName(s string, c Class, ext func(string) bool) (Path, bool) {
	name, e, _ := strings.Cut(s, ".")
	d, err := event.ParseDigest(name)
	return Path{Class: c, Digest: d}, err == nil && ext(e)
}

// treeName reads a tree size and the kind of file about it.
func treeName(s string, kinds map[string]Class) (Path, bool) {
	number, kind, _ := strings.Cut(s, "/")
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 0 || strconv.FormatInt(n, 10) != number || ledger.Size(n) > ledger.MaxSize || kinds[kind] == ClassUnknown {
		return Path{}, false
	}
	return Path{Class: kinds[kind], Size: ledger.Size(n)}, true
}

// maxExtension is the longest file extension that is kept.
const maxExtension = 8

func validExtension(s string) bool {
	return len(s) <= maxExtension && word(s, "abcdefghijklmnopqrstuvwxyz0123456789")
}

func validToken(s string) bool {
	return len(s) <= 64 && word(s, "abcdefghijklmnopqrstuvwxyz0123456789-")
}

func word(s, letters string) bool { return s != "" && strings.Trim(s, letters) == "" }

// Extension is the file extension for a media type, or for the name that the
// file was found under; "bin" where neither says.
func Extension(mediaType, name string) string {
	if ext, ok := extensions[mediaType]; ok {
		return ext
	}
	if i := strings.LastIndexByte(name, '.'); i >= 0 {
		if ext := strings.ToLower(name[i+1:]); validExtension(ext) {
			return ext
		}
	}
	return "bin"
}

var extensions = map[string]string{
	"image/jpeg": "jpg", "image/png": "png", "image/heic": "heic", "image/tiff": "tif", "image/webp": "webp",
	"video/mp4": "mp4", "video/quicktime": "mov", "audio/mpeg": "mp3", "audio/mp4": "m4a", "audio/wav": "wav",
	"application/pdf": "pdf", "text/csv": "csv", "text/plain": "txt", "application/json": "json", "application/zip": "zip",
	"application/gpx+xml": "gpx",
}

// clip keeps hostile input short in an error's text.
func clip(s string) string {
	const most = 80
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}
