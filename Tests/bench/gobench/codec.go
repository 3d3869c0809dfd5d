package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"log"
	"time"

	"github.com/hashicorp/go-msgpack/codec"
)

// The messages as memberlist declares them, which it does not export.
type alive struct {
	Incarnation uint32
	Node        string
	Addr        []byte
	Port        uint16
	Meta        []byte
	Vsn         []uint8
}

type pushPullHeader struct {
	Nodes        int
	UserStateLen int
	Join         bool
}

type pushNodeState struct {
	Name        string
	Addr        []byte
	Port        uint16
	Meta        []byte
	Incarnation uint32
	State       int
	Vsn         []uint8
}

const (
	aliveMessage    = 4
	pushPullMessage = 6
)

var versions = []uint8{1, 5, 2, 2, 5, 4}

// These use the codec as memberlist does: a new handle, encoder and buffer for each message, and one encoder for all of a push/pull.

func encodeAlive(message *alive) []byte {
	buffer := bytes.NewBuffer(nil)
	buffer.WriteByte(aliveMessage)
	handle := codec.MsgpackHandle{}
	if err := codec.NewEncoder(buffer, &handle).Encode(message); err != nil {
		log.Fatal(err)
	}
	return buffer.Bytes()
}

func decodeAlive(body []byte) alive {
	var message alive
	handle := codec.MsgpackHandle{}
	if err := codec.NewDecoder(bytes.NewReader(body), &handle).Decode(&message); err != nil {
		log.Fatal(err)
	}
	return message
}

func encodePushPull(nodes []pushNodeState, user []byte) []byte {
	buffer := bytes.NewBuffer(nil)
	buffer.WriteByte(pushPullMessage)
	handle := codec.MsgpackHandle{}
	encoder := codec.NewEncoder(buffer, &handle)
	if err := encoder.Encode(&pushPullHeader{Nodes: len(nodes), UserStateLen: len(user)}); err != nil {
		log.Fatal(err)
	}
	for i := range nodes {
		if err := encoder.Encode(&nodes[i]); err != nil {
			log.Fatal(err)
		}
	}
	buffer.Write(user)
	return buffer.Bytes()
}

func decodePushPull(message []byte) ([]pushNodeState, []byte) {
	stream := bufio.NewReader(bytes.NewReader(message[1:]))
	handle := codec.MsgpackHandle{}
	decoder := codec.NewDecoder(stream, &handle)
	var header pushPullHeader
	if err := decoder.Decode(&header); err != nil {
		log.Fatal(err)
	}
	nodes := make([]pushNodeState, header.Nodes)
	for i := range nodes {
		if err := decoder.Decode(&nodes[i]); err != nil {
			log.Fatal(err)
		}
	}
	user := make([]byte, header.UserStateLen)
	if _, err := io.ReadFull(stream, user); err != nil {
		log.Fatal(err)
	}
	return nodes, user
}

// codecScenario measures how long messages take to encode and to decode.
func codecScenario(c conditions, length time.Duration) {
	meta := []byte("meta!")
	one := alive{1, "node-a", []byte{127, 0, 0, 1}, 7946, meta, versions}
	var nodes []pushNodeState
	for i := 0; i < 20; i++ {
		nodes = append(nodes, pushNodeState{fmt.Sprintf("node-%d", i), []byte{127, 0, 0, 1}, 7946, meta, 1, 0, versions})
	}
	user := make([]byte, 200)
	aliveBytes, pushPullBytes := encodeAlive(&one), encodePushPull(nodes, user)
	if found, _ := decodePushPull(pushPullBytes); decodeAlive(aliveBytes[1:]).Node != "node-a" || len(found) != 20 {
		log.Fatal("the codec does not read what it wrote")
	}
	f := fields{"ok": true, "alive_bytes": len(aliveBytes), "pushpull_bytes": len(pushPullBytes)}
	share := length / 4
	f["alive_encode_ns"] = nanoseconds(share, func() { encodeAlive(&one) })
	f["alive_decode_ns"] = nanoseconds(share, func() { decodeAlive(aliveBytes[1:]) })
	f["pushpull_encode_ns"] = nanoseconds(share, func() { encodePushPull(nodes, user) })
	f["pushpull_decode_ns"] = nanoseconds(share, func() { decodePushPull(pushPullBytes) })
	c.emit("codec", f)
}

// nanoseconds is how long one call takes: the fastest of ten rounds, because what else the machine does only adds time.
func nanoseconds(length time.Duration, body func()) float64 {
	calls := 1
	for {
		start := time.Now()
		for i := 0; i < calls; i++ {
			body()
		}
		if time.Since(start) > length/20 {
			break
		}
		calls *= 2
	}
	var rounds []float64
	for round := 0; round < 10; round++ {
		start := time.Now()
		for i := 0; i < calls; i++ {
			body()
		}
		rounds = append(rounds, float64(time.Since(start).Nanoseconds())/float64(calls))
	}
	return quantile(rounds, 0)
}
