package main

import (
	"fmt"
	"log"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/serf/serf"
)

// cluster is what is measured.
type cluster struct {
	conditions
	nodes    []*serf.Serf
	board    *board
	resident int
}

// eventLimit: what has not come by then, after the last event was sent, is missing.
const eventLimit = 10 * time.Second

func newCluster(c conditions) *cluster {
	var names []string
	for i := 0; i < c.nodes; i++ {
		names = append(names, fmt.Sprintf("node-%d", i))
	}
	b := &cluster{conditions: c, board: newBoard(names), resident: residentKiB()}
	for i, name := range names {
		// Serf waits when this is full: nothing is lost here.
		events := make(chan serf.Event, c.buffer)
		s, err := create(name, c.profile, events)
		if err != nil {
			log.Fatalf("create: %v", err)
		}
		b.nodes = append(b.nodes, s)
		go b.receive(i, events)
	}
	return b
}

// receive is one node's user: it writes down each event with the moment at which it came, and answers each query.
func (b *cluster) receive(number int, events chan serf.Event) {
	for e := range events {
		moment := time.Now()
		switch event := e.(type) {
		case serf.UserEvent:
			if index, err := strconv.Atoi(strings.TrimPrefix(event.Name, "bench-")); err == nil {
				b.board.delivered(index, number, moment)
			}
		case *serf.Query:
			_ = event.Respond([]byte("ok"))
		case serf.MemberEvent:
			for _, m := range event.Members {
				switch event.Type {
				case serf.EventMemberJoin:
					b.board.memberJoined(m.Name, number, moment)
				case serf.EventMemberFailed:
					b.board.memberGone(m.Name, true, number, moment)
				case serf.EventMemberLeave, serf.EventMemberReap:
					b.board.memberGone(m.Name, false, number, moment)
				}
			}
		}
	}
}

func (b *cluster) emit(scenario string, ok bool, f fields) bool {
	f["ok"] = ok
	b.conditions.emit(scenario, f)
	if !ok {
		fmt.Fprintf(os.Stderr, "failed: %s\n", scenario)
	}
	return ok
}

func (b *cluster) converge() bool {
	seed := address(b.nodes[0])
	cpu, start := cpuSeconds(), time.Now()
	var group sync.WaitGroup
	problems := make(chan error, len(b.nodes))
	for _, s := range b.nodes[1:] {
		group.Add(1)
		go func(s *serf.Serf) {
			defer group.Done()
			if _, err := s.Join([]string{seed}, true); err != nil {
				problems <- err
			}
		}(s)
	}
	group.Wait()
	joined := time.Since(start)
	if len(problems) > 0 {
		return b.emit("converge", false, fields{"join_s": joined.Seconds(), "reason": (<-problems).Error()})
	}
	ok := wait(120*time.Second, func() bool { _, ok := b.board.allSaw(len(b.nodes)); return ok })
	cpuUsed, converged := cpuSeconds()-cpu, 120.0
	if last, all := b.board.allSaw(len(b.nodes)); all {
		converged = last.Sub(start).Seconds()
	}
	return b.emit("converge", ok, fields{
		"join_s": joined.Seconds(), "converge_s": converged, "cpu_s": cpuUsed, "failures": b.board.totalFailures()})
}

func (b *cluster) idle(length time.Duration) bool {
	cpu, start := cpuSeconds(), time.Now()
	time.Sleep(length)
	used, elapsed := cpuSeconds()-cpu, time.Since(start).Seconds()
	runtime.GC()
	b.conditions.emit("idle", fields{
		"cpu_ms_per_node_s": 1000 * used / elapsed / float64(len(b.nodes)),
		"rss_kib_per_node":  float64(residentKiB()-b.resident) / float64(len(b.nodes)), "failures": b.board.totalFailures()})
	return true
}

func (b *cluster) event(count int) bool {
	first := b.board.expect(count, len(b.nodes))
	var sent []time.Time
	late := 0
	for index := 0; index < count; index++ {
		sent = append(sent, time.Now())
		if err := b.nodes[index%len(b.nodes)].UserEvent(fmt.Sprintf("bench-%d", first+index), []byte("payload"), false); err != nil {
			log.Fatal(err)
		}
		if !wait(eventLimit, func() bool { return b.board.nodesWith(first+index) == len(b.nodes) }) {
			late++
		}
	}
	wait(eventLimit, func() bool { return b.board.deliveries() == count*len(b.nodes) })
	result := b.board.result()
	var latencies []float64
	for index, last := range result.last {
		if result.nodes[index] > 0 {
			latencies = append(latencies, last.Sub(sent[index]).Seconds())
		}
	}
	lost := count*len(b.nodes) - len(result.moments)
	return b.emit("event", lost == 0, fields{
		"count": count, "all_nodes_p50_s": median(latencies), "all_nodes_max_s": largest(latencies), "late": late, "lost": lost,
		"duplicates": result.duplicates, "receiver_lost": 0, "failures": b.board.totalFailures()})
}

func (b *cluster) query(count int) bool {
	var latencies []float64
	answers, unanswered, cpu := 0, 0, cpuSeconds()
	for index := 0; index < count; index++ {
		sent := time.Now()
		response, err := b.nodes[index%len(b.nodes)].Query(fmt.Sprintf("bench-%d", index), []byte("q"), &serf.QueryParam{Timeout: 15 * time.Second})
		if err != nil {
			log.Fatal(err)
		}
		var last time.Time
		got := 0
		for range response.ResponseCh() {
			last = time.Now()
			if got++; got == len(b.nodes) {
				break
			}
		}
		response.Close()
		answers += got
		if got < len(b.nodes) {
			unanswered++
		}
		if got > 0 {
			latencies = append(latencies, last.Sub(sent).Seconds())
		}
	}
	return b.emit("query", unanswered == 0, fields{
		"count": count, "all_answers_p50_s": median(latencies), "all_answers_max_s": largest(latencies), "answers": answers,
		"expected": count * len(b.nodes), "unanswered": unanswered, "cpu_us_per_answer": 1e6 * (cpuSeconds() - cpu) / atLeastOne(answers),
		"receiver_lost": 0, "failures": b.board.totalFailures()})
}
