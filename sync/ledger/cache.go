package ledger

import (
	"container/list"
	"context"
	"sync"
)

// TileCache is a TileReader over another that keeps a bounded number of full
// tiles, which never change; partial tiles are always read through. It is safe
// for concurrent use when the reader under it is. What it has read it trusts:
// after a suspicion of damage make a new one.
type TileCache struct {
	from TileReader
	most int

	mu   sync.Mutex
	byID map[TileID]*list.Element // of Tile
	used list.List                // the most recently used in front
}

// NewTileCache makes a cache of at most most tiles, TileBytes each, over from.
func NewTileCache(from TileReader, most int) *TileCache {
	return &TileCache{from: from, most: most, byID: make(map[TileID]*list.Element)}
}

// ReadTile implements TileReader.
func (c *TileCache) ReadTile(ctx context.Context, level, n int64) ([]byte, error) {
	id := TileID{level, n}
	if data := c.get(id); data != nil {
		return data, nil
	}
	data, err := c.from.ReadTile(ctx, level, n)
	if err == nil && len(data) == TileBytes {
		c.put(Tile{id, data})
	}
	return data, err
}

func (c *TileCache) get(id TileID) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.byID[id]
	if e == nil {
		return nil
	}
	c.used.MoveToFront(e)
	return e.Value.(Tile).Data
}

func (c *TileCache) put(t Tile) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byID[t.TileID] != nil || c.most < 1 {
		return
	}
	c.byID[t.TileID] = c.used.PushFront(t)
	if c.used.Len() > c.most {
		last := c.used.Remove(c.used.Back()).(Tile)
		delete(c.byID, last.TileID)
	}
}
