package main

import (
	"fmt"
	"log"
	"sort"
	"time"
)

// throughput sends many events from one node, as fast as the node takes them.
func (b *cluster) throughput(count int, patience time.Duration) bool {
	f, missing, _ := b.flood(count, patience)
	return b.emit("throughput", missing == 0, f)
}

// wire is the same, and what it costs on the wire: until nothing of it is sent any more, less what an idle cluster sends in that time. It reads the
// counters of lo, so the process has to be alone in its network namespace.
func (b *cluster) wire(count int, patience, idle, tail time.Duration) bool {
	before, cpuBefore := readLoopback(), cpuSeconds()
	time.Sleep(idle)
	quietBytes, quietPackets, quietSeconds := readLoopback().since(before)
	quietCPU := (cpuSeconds() - cpuBefore) / quietSeconds
	begin, cpu := readLoopback(), cpuSeconds()
	f, missing, delivered := b.flood(count, patience)
	time.Sleep(tail)
	bytes, packets, seconds := readLoopback().since(begin)
	cpuUsed := cpuSeconds() - cpu
	f["wire_bytes_per_delivery"] = (bytes - seconds*quietBytes/quietSeconds) / atLeastOne(delivered)
	f["wire_packets_per_delivery"] = (packets - seconds*quietPackets/quietSeconds) / atLeastOne(delivered)
	f["idle_bytes_per_node_s"] = quietBytes / quietSeconds / float64(len(b.nodes))
	f["cpu_us_per_delivery_all"] = 1e6 * (cpuUsed - seconds*quietCPU) / atLeastOne(delivered)
	f["window_s"] = seconds
	return b.emit("wire", missing == 0, f)
}

func (b *cluster) flood(count int, patience time.Duration) (result fields, missing, delivered int) {
	payload := []byte("0123456789abcdef0123456789abcdef")
	first, expected := b.board.expect(count, len(b.nodes)), count*len(b.nodes)
	cpu, start := cpuSeconds(), time.Now()
	for index := first; index < first+count; index++ {
		if err := b.nodes[0].UserEvent(fmt.Sprintf("bench-%d", index), payload, false); err != nil {
			log.Fatal(err)
		}
	}
	sent := time.Since(start)
	wait(patience, func() bool { return b.board.deliveries() == expected })
	cpuUsed, batch := cpuSeconds()-cpu, b.board.result()
	var times []float64
	for _, moment := range batch.moments {
		times = append(times, moment.Sub(start).Seconds())
	}
	sort.Float64s(times)
	delivered = len(times)
	inTime := sort.SearchFloat64s(times, (sent + eventLimit).Seconds())
	missing = expected - inTime
	rate := func(n int) float64 {
		if n == 0 {
			return 0
		}
		return float64(n) / times[n-1]
	}
	return fields{
		"count": count, "expected": expected, "delivered": delivered, "missing_10s": missing, "lost": expected - delivered,
		"duplicates": batch.duplicates, "sent_s": sent.Seconds(), "seconds": largest(times), "p50_s": median(times), "p99_s": quantile(times, 0.99),
		"deliveries_per_s": rate(delivered), "deliveries_per_s_10s": rate(inTime), "cpu_us_per_delivery": 1e6 * cpuUsed / atLeastOne(delivered),
		"receiver_lost": 0, "failures": b.board.totalFailures(),
	}, missing, delivered
}
