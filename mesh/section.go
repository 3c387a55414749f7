package mesh

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"btrmesh/certs"
	"btrmesh/mesh/control"
	"btrmesh/stream"
)

// section is a part of what an appliance tells every member about itself. None
// holds a secret, and membership is all it takes to ask.
type section string

const (
	sectionPools   section = "pools"   // control.Pool
	sectionShares  section = "shares"  // control.Share
	sectionTasks   section = "tasks"   // control.Task
	sectionHistory section = "history" // control.HistoryRun
)

// sectionRequest is the body of a stream.QueryStatus, in JSON: what members tell
// each other has the shapes of the local API, and grows like it.
type sectionRequest struct {
	Section section                `json:"section"`
	From    int                    `json:"from"`             // items already known
	History control.HistoryRequest `json:"history,omitzero"` // which runs
}

// sectionPage is the body of its answer.
type sectionPage struct {
	Items []json.RawMessage `json:"items"`
	More  bool              `json:"more,omitempty"`
}

const (
	pageBytes = 48 << 10 // of items in one answer; stream allows 60 KiB
	mostPages = 32       // that are asked for; the rest is left out
	mostItems = 16 << 10 // likewise: an empty one takes more memory here than on the wire
)

// errTooMuch: one item does not fit into an answer.
var errTooMuch = errors.New("an item is larger than an answer")

// answerSection answers one page of a section.
func (n *Node) answerSection(ctx context.Context, body []byte) (stream.Answer, error) {
	var req sectionRequest
	if err := json.Unmarshal(body, &req); err != nil || req.From < 0 {
		return stream.Answer{}, &stream.Refusal{Code: stream.UnknownQuery, Text: "the question cannot be read"}
	}
	items, err := n.sectionItems(ctx, req)
	if err != nil {
		return stream.Answer{}, err
	}
	page, err := cutPage(items, req.From)
	if err != nil {
		return stream.Answer{}, err
	}
	answer, err := json.Marshal(page)
	return stream.Answer{Body: answer}, err
}

// sectionItems lists the whole section.
func (n *Node) sectionItems(ctx context.Context, req sectionRequest) ([]any, error) {
	a := api{n}
	switch req.Section {
	case sectionPools:
		return anyOf(a.localPools(ctx))
	case sectionShares:
		return anyOf(a.localShares(ctx))
	case sectionTasks:
		return anyOf(a.tasks(ctx, control.TasksRequest{}))
	case sectionHistory:
		req.History.All = false
		return anyOf(a.localHistory(req.History))
	}
	return nil, &stream.Refusal{Code: stream.UnknownQuery, Text: fmt.Sprintf("section %.20q is not known", req.Section)}
}

func anyOf[T any](list []T, err error) ([]any, error) {
	all := make([]any, 0, len(list))
	for _, item := range list {
		all = append(all, item)
	}
	return all, err
}

// cutPage returns the items from an index on that fit into one answer.
func cutPage(items []any, from int) (sectionPage, error) {
	page := sectionPage{Items: []json.RawMessage{}}
	size := 0
	for _, item := range items[min(from, len(items)):] {
		text, err := json.Marshal(item)
		if err != nil {
			return page, err
		}
		if size += len(text); size > pageBytes {
			if len(page.Items) == 0 {
				return page, errTooMuch
			}
			page.More = true
			break
		}
		page.Items = append(page.Items, text)
	}
	return page, nil
}

// fetch asks a member for a whole section, page by page.
func fetch[T any](ctx context.Context, n *Node, peer certs.ID, req sectionRequest) ([]T, error) {
	all := []T{}
	for range mostPages {
		req.From = len(all)
		page, err := n.fetchPage(ctx, peer, req)
		if err != nil {
			return nil, err
		}
		for _, text := range page.Items {
			var item T
			if err := json.Unmarshal(text, &item); err != nil {
				return nil, fmt.Errorf("read %s of %s: %w", req.Section, peer.Short(), err)
			}
			all = append(all, item)
		}
		if len(all) >= mostItems {
			return all[:mostItems], nil
		}
		if !page.More || len(page.Items) == 0 {
			break
		}
	}
	return all, nil
}

func (n *Node) fetchPage(ctx context.Context, peer certs.ID, req sectionRequest) (sectionPage, error) {
	var page sectionPage
	body, err := json.Marshal(req)
	if err != nil {
		return page, err
	}
	answer, err := n.net.Query(ctx, peer, stream.Query{Kind: stream.QueryStatus, Body: body})
	if err != nil {
		return page, err
	}
	if err := json.Unmarshal(answer.Body, &page); err != nil {
		return page, fmt.Errorf("read %s of %s: %w", req.Section, peer.Short(), err)
	}
	return page, nil
}
