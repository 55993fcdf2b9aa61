// Package wasmpool runs C tasks in wazero, on the core's host build (docs/host-abi.md in the repository): one instance of the module for
// each thread of the pool, all in one shared memory. A hung task is stopped, and nothing else notices.
//
// Go cannot interrupt a goroutine in wasm, not even for a garbage collection, which all of the program would wait for. So wazero is told
// to come back to Go in each loop (WithCloseOnContextDone), which makes loops slower by far. With loop checks in the module (wasmpool
// instrument --thread --stack) a stopped task's thread lives on.
package wasmpool

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// Types of values.
const (
	None   = 0
	Binary = 1
	String = 2
	Number = 5 // a float64, little-endian
)

// Priorities of tasks.
const (
	Normal   = 0
	Critical = 1
	High     = 2
	Low      = 3
)

// docs/host-abi.md
const (
	version         = 1
	canEndThreads   = 1
	batch           = 64
	completionBytes = 36
	optionsBytes    = 28
	handleBytes     = 12
	statsBytes      = 88
	forEver         = 1e15
)

// Options of a pool.
type Options struct {
	Workers, Spares uint32
	Pages           uint32 // most memory, in 64 KiB; 0: 16,384
	RestartMax      uint32 // of one worker, within a minute, at once
}

// Task is what a worker runs.
type Task struct {
	Name     string
	Type     uint32
	Data     []byte
	Priority uint32
	Timeout  time.Duration                  // from its start
	Progress func(Type uint32, data []byte) // values before its end; called by the pool's goroutine
}

// Result of a task. Err is a *StatusError unless the task succeeded.
type Result struct {
	Type uint32
	Data []byte
	Err  error
}

// StatusError is a task's end that is no result.
type StatusError struct {
	Status int32 // src/status.def
	Text   string
}

func (e *StatusError) Error() string {
	if e.Text != "" {
		return e.Text
	}
	return fmt.Sprintf("status %d", e.Status)
}

// ErrClosed is the end of tasks of a closed pool.
var ErrClosed = errors.New("the pool was closed")

type running struct {
	task              Task
	index, generation uint32
	done              func(Result)
}

// Pool of workers. All methods may be called by any goroutine.
type Pool struct {
	ctx       context.Context
	runtime   wazero.Runtime
	module    wazero.CompiledModule
	main      api.Module
	functions map[string]api.Function
	stack     []uint64
	at, room  uint32

	requests chan func()
	ends     chan uint32
	bell     chan struct{}
	closed   chan struct{}
	tasks    map[uint32]*running
	last     uint32
	closing  bool
	stops    map[uint32]context.CancelFunc // by thread number
}

// New starts a pool. The context holds for all of its life.
func New(ctx context.Context, wasm []byte, options Options) (*Pool, error) {
	p := &Pool{
		ctx: ctx, functions: map[string]api.Function{}, stack: make([]uint64, 8), tasks: map[uint32]*running{},
		requests: make(chan func()), ends: make(chan uint32), bell: make(chan struct{}, 1), closed: make(chan struct{}),
		stops: map[uint32]context.CancelFunc{},
	}
	if options.Pages == 0 {
		options.Pages = 16384
	}
	if err := p.prepare(wasm, options.Pages); err != nil {
		return nil, err
	}
	if p.call("wp_host_init") != version {
		return nil, errors.New("the module is of another version")
	}
	config := uint32(p.call("wp_host_config"))
	p.setWord(config, options.Workers)
	p.setWord(config+4, options.Spares)
	p.setWord(config+100, options.RestartMax)
	p.main.Memory().WriteFloat64Le(config+112, 0)
	p.room = uint32(p.call("wp_malloc", optionsBytes+handleBytes+statsBytes+batch*completionBytes))
	if p.at = uint32(p.call("wp_host_open", canEndThreads, p.room)); p.at == 0 {
		return nil, &StatusError{Status: int32(p.word(p.room))}
	}
	opened := make(chan error, 1)
	go p.serve(opened)
	return p, <-opened
}

func (p *Pool) ring() {
	select {
	case p.bell <- struct{}{}:
	default: // it has rung already
	}
}

func (p *Pool) word(at uint32) uint32 {
	value, _ := p.main.Memory().ReadUint32Le(at)
	return value
}

func (p *Pool) setWord(at, value uint32) { p.main.Memory().WriteUint32Le(at, value) }

// serve is main: the one goroutine that calls main's instance.
func (p *Pool) serve(opened chan error) {
	timer := time.NewTimer(0)
	for {
		count := p.step()
		if p.closing && p.call("wp_host_state", p.at) == 3 {
			p.runtime.Close(p.ctx)
			close(p.closed)
			return
		}
		if state := p.call("wp_host_state", p.at); state != 0 && opened != nil {
			if state == 2 {
				opened <- errors.New("a worker could not start")
				p.beginClose()
			}
			close(opened)
			opened = nil
		}
		timer.Reset(p.rest(count))
		select {
		case request := <-p.requests:
			request()
		case start := <-p.ends:
			p.call("wp_host_ended", start)
		case <-p.bell:
		case <-timer.C:
		}
	}
}

// step does what is due, and returns how many completions came.
func (p *Pool) step() int {
	if p.closing {
		p.call("wp_host_close", p.at)
		return 0
	}
	return p.deliver()
}

func (p *Pool) rest(count int) time.Duration {
	const closeAgain = 5 * time.Millisecond
	if count > 0 {
		return 0
	}
	if p.closing {
		return closeAgain
	}
	ms := math.Float64frombits(p.call("wp_host_rest", p.at))
	if ms >= forEver {
		return math.MaxInt64
	}
	return time.Duration(ms * float64(time.Millisecond))
}

func (p *Pool) deliver() int {
	completions := p.room + optionsBytes + handleBytes + statsBytes
	count := int(p.call("wp_poll", p.at, completions, batch))
	for i := 0; i < count; i++ {
		at := completions + uint32(i)*completionBytes
		p.settle(at)
		p.call("wp_completion_release", p.at, at)
	}
	return count
}

func (p *Pool) settle(at uint32) {
	status, kind, user := int32(p.word(at+8)), p.word(at+12), p.word(at+32)
	view, _ := p.main.Memory().Read(p.word(at+16), p.word(at+20))
	data := bytes.Clone(view)
	task := p.tasks[user]
	if p.word(at+24)&0xff != 0 {
		if task.task.Progress != nil {
			task.task.Progress(kind, data)
		}
		return
	}
	delete(p.tasks, user)
	result := Result{Type: kind, Data: data}
	if status != 0 {
		result = Result{Err: &StatusError{status, string(data)}}
	}
	task.done(result)
}

// do has the pool's goroutine run a function; false: the pool is closed.
func (p *Pool) do(function func()) bool {
	done := make(chan struct{})
	select {
	case p.requests <- func() { function(); close(done) }:
		<-done
		return true
	case <-p.closed:
		return false
	}
}
