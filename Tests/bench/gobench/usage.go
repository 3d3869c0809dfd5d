package main

import (
	"io/ioutil"
	"log"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// cpuSeconds is the processor time that this process has used.
func cpuSeconds() float64 {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		log.Fatal(err)
	}
	return float64(r.Utime.Sec) + float64(r.Utime.Usec)/1e6 + float64(r.Stime.Sec) + float64(r.Stime.Usec)/1e6
}

// residentKiB is the resident memory of this process.
func residentKiB() int {
	b, err := ioutil.ReadFile("/proc/self/statm")
	f := strings.Fields(string(b))
	if err != nil || len(f) < 2 {
		log.Fatalf("/proc/self/statm says no resident memory: %v", err)
	}
	pages, _ := strconv.Atoi(f[1])
	return pages * syscall.Getpagesize() / 1024
}

// loopback is what has crossed lo of this network namespace so far.
type loopback struct {
	bytes, packets float64
	moment         time.Time
}

func readLoopback() loopback {
	b, _ := ioutil.ReadFile("/proc/net/dev")
	for _, line := range strings.Split(string(b), "\n") {
		f := strings.Fields(strings.Replace(line, ":", " ", 1))
		if len(f) > 2 && f[0] == "lo" {
			bytes, _ := strconv.ParseFloat(f[1], 64)
			packets, _ := strconv.ParseFloat(f[2], 64)
			return loopback{bytes, packets, time.Now()}
		}
	}
	log.Fatal("/proc/net/dev has no counters of lo: bytes on the wire cannot be measured here")
	panic("unreachable")
}

func (l loopback) since(before loopback) (bytes, packets, seconds float64) {
	return l.bytes - before.bytes, l.packets - before.packets, l.moment.Sub(before.moment).Seconds()
}

// quantile is the value below which this part of the values lies, the lower of two; 0 if there are none.
func quantile(values []float64, part float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := append([]float64(nil), values...)
	sort.Float64s(sorted)
	return sorted[int(part*float64(len(sorted)-1))]
}

func median(values []float64) float64  { return quantile(values, 0.5) }
func largest(values []float64) float64 { return quantile(values, 1) }

func atLeastOne(n int) float64 {
	if n < 1 {
		return 1
	}
	return float64(n)
}
