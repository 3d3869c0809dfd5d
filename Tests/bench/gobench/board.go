package main

import (
	"sync"
	"time"
)

// batch is what came of a batch of events.
type batch struct {
	nodes      []int       // for each event: at how many nodes it is
	last       []time.Time // for each event: when it came to the last of them
	moments    []time.Time // when each delivery came
	duplicates int
	seen       []bool
}

// board is where all receivers write down what their node has delivered, each with the moment at which it came. Figures are taken from these
// moments. Events have numbers that go on from scenario to scenario: a late one of the last does not count in the next.
type board struct {
	mutex    sync.Mutex
	first    int
	nodes    int
	batch    batch
	alive    []map[string]bool
	joined   []time.Time
	failed   map[string]map[int]time.Time
	failures int
}

func newBoard(names []string) *board {
	b := &board{failed: map[string]map[int]time.Time{}, joined: make([]time.Time, len(names))}
	for _, name := range names {
		b.alive = append(b.alive, map[string]bool{name: true})
	}
	return b
}

func (b *board) delivered(event, receiver int, moment time.Time) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	index := event - b.first
	if index < 0 || index >= len(b.batch.nodes) {
		return
	}
	place := index*b.nodes + receiver
	if b.batch.seen[place] {
		b.batch.duplicates++
		return
	}
	b.batch.seen[place] = true
	b.batch.nodes[index]++
	if moment.After(b.batch.last[index]) {
		b.batch.last[index] = moment
	}
	b.batch.moments = append(b.batch.moments, moment)
}

func (b *board) memberJoined(name string, receiver int, moment time.Time) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	delete(b.failed[name], receiver)
	if !b.alive[receiver][name] {
		b.alive[receiver][name] = true
		b.joined[receiver] = moment
	}
}

func (b *board) memberGone(name string, hasFailed bool, receiver int, moment time.Time) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	delete(b.alive[receiver], name)
	if !hasFailed {
		return
	}
	b.failures++
	if b.failed[name] == nil {
		b.failed[name] = map[int]time.Time{}
	}
	b.failed[name][receiver] = moment
}

// expect begins a batch, and returns the number of its first event.
func (b *board) expect(count, nodes int) int {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.first += len(b.batch.nodes)
	b.nodes = nodes
	b.batch = batch{
		nodes: make([]int, count), last: make([]time.Time, count), moments: make([]time.Time, 0, count*nodes), seen: make([]bool, count*nodes),
	}
	return b.first
}

// result is the batch as it is now.
func (b *board) result() batch {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	copied := b.batch
	copied.last = append([]time.Time(nil), b.batch.last...)
	copied.nodes = append([]int(nil), b.batch.nodes...)
	return copied
}

func (b *board) deliveries() int {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return len(b.batch.moments)
}

func (b *board) nodesWith(event int) int {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.batch.nodes[event-b.first]
}

func (b *board) totalFailures() int {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.failures
}

func (b *board) failuresOf(name string) []time.Time {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	var moments []time.Time
	for _, moment := range b.failed[name] {
		moments = append(moments, moment)
	}
	return moments
}

func (b *board) receiversSeeing(name string) int {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	n := 0
	for _, names := range b.alive {
		if names[name] {
			n++
		}
	}
	return n
}

// allSaw is when the last of all receivers saw that many members alive; false while one of them does not.
func (b *board) allSaw(count int) (time.Time, bool) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	var last time.Time
	for i, names := range b.alive {
		if len(names) < count {
			return last, false
		}
		if b.joined[i].After(last) {
			last = b.joined[i]
		}
	}
	return last, true
}
