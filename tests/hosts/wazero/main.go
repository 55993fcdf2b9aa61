// The host program (program.mjs) for wazero. wazero MODULE.wasm [checks]
package main

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"

	"wasmpool"
)

var (
	wasm    []byte
	pool    *wasmpool.Pool
	handles = map[string]wasmpool.Handle{}
	output  sync.Mutex
)

func say(words ...any) {
	output.Lock()
	defer output.Unlock()
	fmt.Println(words...)
}

func encode(data []byte) string {
	if len(data) == 0 {
		return "-"
	}
	return hex.EncodeToString(data)
}

func number(word string) (value int64) {
	fmt.Sscan(word, &value)
	return value
}

func open(words []string) {
	options := wasmpool.Options{Workers: uint32(number(words[0])), Spares: uint32(number(words[1])), RestartMax: uint32(number(words[2])), Pages: 4096}
	var err error
	if pool, err = wasmpool.New(context.Background(), wasm, options); err != nil {
		say("refused", err)
		return
	}
	say("opened")
}

func run(words []string) {
	id := words[0]
	data, _ := hex.DecodeString(strings.TrimPrefix(words[3], "-"))
	task := wasmpool.Task{
		Name: words[1], Type: uint32(number(words[2])), Data: data, Priority: uint32(number(words[4])),
		Timeout:  time.Duration(number(words[5])) * time.Millisecond,
		Progress: func(kind uint32, data []byte) { say("value", id, kind, encode(data)) },
	}
	handles[id] = pool.Start(task, func(result wasmpool.Result) {
		var status *wasmpool.StatusError
		switch {
		case result.Err == nil:
			say("end", id, 0, result.Type, encode(result.Data))
		case errors.As(result.Err, &status):
			say("end", id, status.Status, wasmpool.String, encode([]byte(status.Text)))
		default:
			say("end", id, -1, wasmpool.String, "-")
		}
	})
}

func bit(value bool) int {
	if value {
		return 1
	}
	return 0
}

func obey(word string, words []string) {
	switch word {
	case "open":
		open(words)
	case "run":
		run(words)
	case "cancel":
		say("gave", words[0], bit(handles[words[0]].Cancel()))
	case "terminate":
		runtime.GC() // would wait for ever if the hung task kept its goroutine from stopping
		say("gave", words[0], bit(handles[words[0]].Terminate()))
	case "pause":
		pool.Pause()
		say("done")
	case "resume":
		pool.Resume()
		say("done")
	case "stats":
		s := pool.Stats()
		say("stats", s.Free, s.Total, s.Queued, s.Tasks, s.HeapBytes)
	case "counts":
		c := pool.Counts()
		say("counts", c[0], c[1], c[2], c[3], c[4])
	case "check":
		say("check", pool.Check())
	case "close":
		pool.Close()
		say("closed")
	}
}

func main() {
	var err error
	if wasm, err = os.ReadFile(os.Args[1]); err != nil {
		panic(err)
	}
	say("host wazero threads ends", strings.Join(os.Args[2:], " "))
	lines := bufio.NewReaderSize(os.Stdin, 1<<20)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		words := strings.Fields(line)
		obey(words[0], words[1:])
	}
}
