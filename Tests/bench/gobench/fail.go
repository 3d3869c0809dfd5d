package main

import (
	"bufio"
	"fmt"
	"io"
	"io/ioutil"
	"log"
	"os"
	"os/exec"
	"time"

	"github.com/hashicorp/serf/serf"
)

// fail kills members that are processes of their own, one after another.
func (b *cluster) fail(count int) bool {
	var firsts, alls []float64
	unknown := 0
	for index := 0; index < count; index++ {
		name := fmt.Sprintf("victim-%d", index)
		victim, input := startMember(name, address(b.nodes[0]), b.profile)
		// All know it, and the traffic of its join is over.
		if wait(60*time.Second, func() bool { return b.board.receiversSeeing(name) == len(b.nodes) }) {
			time.Sleep(2 * time.Second)
		}
		crash := time.Now()
		if err := victim.Process.Kill(); err != nil {
			log.Fatal(err)
		}
		_ = victim.Wait() // It was killed: that is no news.
		_ = input.Close()
		if !wait(120*time.Second, func() bool { return len(b.board.failuresOf(name)) == len(b.nodes) }) {
			unknown++
		}
		var times []float64
		for _, moment := range b.board.failuresOf(name) {
			times = append(times, moment.Sub(crash).Seconds())
		}
		if len(times) > 0 {
			firsts, alls = append(firsts, quantile(times, 0)), append(alls, largest(times))
		}
	}
	return b.emit("fail", unknown == 0, fields{
		"count": count, "first_detect_s": median(firsts), "all_detect_s": median(alls), "all_detect_max_s": largest(alls)})
}

// startMember starts this program again, as a member that joins. It ends when its standard input does.
func startMember(name, seed, profile string) (*exec.Cmd, io.Closer) {
	child := exec.Command("/proc/self/exe", "-as-member", name, "-seed", seed, "-profile", profile)
	child.Stderr = os.Stderr
	input, err := child.StdinPipe()
	if err != nil {
		log.Fatal(err)
	}
	output, err := child.StdoutPipe()
	if err != nil {
		log.Fatal(err)
	}
	if err := child.Start(); err != nil {
		log.Fatal(err)
	}
	if line, err := bufio.NewReader(output).ReadString('\n'); err != nil || line != "joined\n" {
		log.Fatalf("the process that is to crash did not join: %v", err)
	}
	return child, input
}

func runMember(name, seed, profile string) {
	events := make(chan serf.Event, 4096)
	go func() {
		for range events {
		}
	}()
	s, err := create(name, profile, events)
	if err != nil {
		log.Fatalf("create: %v", err)
	}
	if _, err := s.Join([]string{seed}, true); err != nil {
		log.Fatalf("join: %v", err)
	}
	fmt.Println("joined")
	_, _ = io.Copy(ioutil.Discard, os.Stdin)
}
