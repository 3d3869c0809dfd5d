// Gobench measures an in-process cluster of HashiCorp Serf nodes on loopback and prints one JSON object per scenario, with the names of the fields
// of serf-bench (Sources/SerfBenchmark), so that both can be set side by side. Tests/bench/run builds both and runs them in turns.
//
//	GO111MODULE=off GOPATH=/usr/share/gocode go build -o gobench ./Tests/bench/gobench
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io/ioutil"
	"log"
	"os"
	"time"

	"github.com/hashicorp/memberlist"
	"github.com/hashicorp/serf/serf"
)

// conditions are those of a run; every line states them.
type conditions struct {
	nodes, settle int
	profile       string
	buffer        int
}

// fields are those of one line.
type fields map[string]interface{}

func (c conditions) emit(scenario string, f fields) {
	f["scenario"], f["impl"], f["transport"] = scenario, "go-serf", "tcp"
	f["nodes"], f["profile"], f["settle"] = c.nodes, c.profile, c.settle
	line, err := json.Marshal(f)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(line))
}

// create starts a node at a port of 127.0.0.1 that the kernel chooses.
func create(name, profile string, events chan serf.Event) (*serf.Serf, error) {
	conf := serf.DefaultConfig()
	switch profile {
	case "wan":
		conf.MemberlistConfig = memberlist.DefaultWANConfig()
	case "local":
		conf.MemberlistConfig = memberlist.DefaultLocalConfig()
	default:
		conf.MemberlistConfig = memberlist.DefaultLANConfig()
	}
	conf.NodeName = name
	conf.MemberlistConfig.BindAddr = "127.0.0.1"
	conf.MemberlistConfig.BindPort = 0
	silent := log.New(ioutil.Discard, "", 0)
	conf.Logger, conf.MemberlistConfig.Logger = silent, silent
	conf.LogOutput, conf.MemberlistConfig.LogOutput = nil, nil
	conf.EventCh = events
	return serf.Create(conf)
}

func address(s *serf.Serf) string {
	local := s.LocalMember()
	return fmt.Sprintf("%s:%d", local.Addr, local.Port)
}

// wait looks until the condition holds; false if it does not within the limit. When it looked is in no figure.
func wait(limit time.Duration, condition func() bool) bool {
	for end := time.Now().Add(limit); !condition(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			return false
		}
	}
	return true
}

func main() {
	log.SetFlags(0)
	nodes := flag.Int("nodes", 20, "nodes in the cluster")
	profile := flag.String("profile", "lan", "lan, wan or local")
	scenario := flag.String("scenario", "all", "converge, idle, event, throughput, wire, query, fail, all, or codec")
	settle := flag.Int("settle", 15, "seconds that a converged cluster is left alone")
	idle := flag.Int("idle", 10, "seconds of the idle measurement, in wire too")
	count := flag.Int("count", 0, "events, queries or crashes; 0 for 200 events, 500 in throughput and wire, 50 queries, 1 crash")
	patience := flag.Int("patience", 60, "seconds to wait in throughput and wire for what comes late")
	tail := flag.Int("tail", 20, "seconds that wire goes on counting when everything has come")
	seconds := flag.Int("seconds", 5, "seconds that codec lasts")
	member := flag.String("as-member", "", "how it starts the member that crashes: its name")
	seed := flag.String("seed", "", "with -as-member: whom to join")
	flag.Parse()
	if *member != "" {
		runMember(*member, *seed, *profile)
		return
	}
	number := func(byDefault int) int {
		if *count > 0 {
			return *count
		}
		return byDefault
	}
	c := conditions{nodes: *nodes, settle: *settle, profile: *profile, buffer: 4096}
	if 2**count > c.buffer {
		c.buffer = 2 * *count
	}
	length := func(s int) time.Duration { return time.Duration(s) * time.Second }
	if *scenario == "codec" {
		codecScenario(c, length(*seconds))
		return
	}
	scenarios := []struct {
		name     string
		isForAll bool
		run      func(*cluster) bool
	}{
		{"idle", true, func(b *cluster) bool { return b.idle(length(*idle)) }},
		{"event", true, func(b *cluster) bool { return b.event(number(200)) }},
		{"throughput", true, func(b *cluster) bool { return b.throughput(number(500), length(*patience)) }},
		{"wire", false, func(b *cluster) bool { return b.wire(number(500), length(*patience), length(*idle), length(*tail)) }},
		{"query", true, func(b *cluster) bool { return b.query(number(50)) }},
		{"fail", true, func(b *cluster) bool { return b.fail(number(1)) }},
	}
	isKnown := *scenario == "all" || *scenario == "converge"
	for _, s := range scenarios {
		isKnown = isKnown || s.name == *scenario
	}
	if !isKnown {
		log.Fatalf("unknown scenario '%s': -help names them", *scenario)
	}

	b := newCluster(c)
	ok := b.converge()
	if ok && *scenario != "converge" {
		time.Sleep(length(*settle))
		for _, s := range scenarios {
			if s.name == *scenario || *scenario == "all" && s.isForAll {
				ok = s.run(b) && ok
			}
		}
	}
	if !ok {
		os.Exit(1)
	}
}
