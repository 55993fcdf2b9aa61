package wasmpool

import "context"

// Handle of a task that was started.
type Handle struct {
	pool *Pool
	id   uint32
}

// Submit runs a task and returns its result. The end of the context stops it.
func (p *Pool) Submit(ctx context.Context, name string, data []byte) ([]byte, error) {
	result := p.Run(ctx, Task{Name: name, Type: Binary, Data: data})
	return result.Data, result.Err
}

// Run runs a task and returns its result. The end of the context stops it.
func (p *Pool) Run(ctx context.Context, task Task) Result {
	done := make(chan Result, 1)
	handle := p.Start(task, func(result Result) { done <- result })
	select {
	case result := <-done:
		return result
	case <-ctx.Done():
		handle.Terminate()
		<-done
		return Result{Err: ctx.Err()}
	}
}

// Start runs a task; done is called once, by the pool's goroutine, and must not wait.
func (p *Pool) Start(task Task, done func(Result)) Handle {
	handle := Handle{pool: p}
	open := p.do(func() {
		if p.closing {
			done(Result{Err: ErrClosed})
			return
		}
		p.last++
		handle.id = p.last
		if status := p.submit(task, handle.id, done); status != 0 {
			done(Result{Err: &StatusError{Status: status}})
		}
	})
	if !open {
		done(Result{Err: ErrClosed})
	}
	return handle
}

func (p *Pool) submit(task Task, id uint32, done func(Result)) int32 {
	const noMemory = -22
	memory := p.main.Memory()
	name := append([]byte(task.Name), 0)
	at := uint32(p.call("wp_malloc", uint32(len(name)+len(task.Data))))
	if at == 0 {
		return noMemory
	}
	defer p.call("wp_free", at)
	data := at + uint32(len(name))
	memory.Write(at, name)
	memory.Write(data, task.Data)
	options, handle := p.room, p.room+optionsBytes
	memory.Write(options, make([]byte, optionsBytes))
	p.setWord(options, task.Priority)
	p.setWord(options+8, uint32(task.Timeout.Milliseconds()))
	p.setWord(options+20, id)
	if len(task.Data) == 0 {
		data = 0
	}
	status := int32(p.call("wp_submit", p.at, at, task.Type, data, uint32(len(task.Data)), options, handle))
	if status == 0 {
		p.tasks[id] = &running{task, p.word(handle), p.word(handle + 4), done}
	}
	return status
}

// Cancel gives the task up: its result is dropped. False: it has ended.
func (h Handle) Cancel() bool { return h.giveUp("wp_cancel") }

// Terminate is Cancel that also stops what runs the task.
func (h Handle) Terminate() bool { return h.giveUp("wp_terminate") }

func (h Handle) giveUp(call string) (live bool) {
	p := h.pool
	p.do(func() {
		task := p.tasks[h.id]
		if task == nil || p.closing {
			return
		}
		at := p.room + optionsBytes
		p.setWord(at, task.index)
		p.setWord(at+4, task.generation)
		live = uint32(p.call(call, p.at, at)) == 1
	})
	return live
}

// Pause lets no new task start until Resume.
func (p *Pool) Pause() { p.do(func() { p.call("wp_pause", p.at) }) }

// Resume ends a pause.
func (p *Pool) Resume() { p.do(func() { p.call("wp_resume", p.at) }) }

// Stats of the pool.
type Stats struct {
	Free, Total, Queued, Tasks uint32
	HeapBytes                  uint64
}

// Stats reads them.
func (p *Pool) Stats() (stats Stats) {
	p.do(func() {
		at := p.room + optionsBytes + handleBytes
		p.call("wp_stats_read", p.at, at)
		heap, _ := p.main.Memory().ReadUint64Le(at + 64)
		stats = Stats{p.word(at), p.word(at + 8), p.word(at + 12), p.word(at + 36), heap}
	})
	return stats
}

// Counts of threads: how many were started, killed, lost, given up, and taken apart.
func (p *Pool) Counts() (counts [5]uint32) {
	p.do(func() {
		at := uint32(p.call("wp_host_counts", p.at))
		for i := range counts {
			counts[i] = p.word(at + 4*uint32(i))
		}
	})
	return counts
}

// Check says whether the core's records agree, while all workers are idle.
func (p *Pool) Check() (status int32) {
	p.do(func() { status = int32(p.call("wp_host_check", p.at)) })
	return status
}

// beginClose is for the pool's goroutine.
func (p *Pool) beginClose() {
	p.closing = true
	for id, task := range p.tasks {
		delete(p.tasks, id)
		task.done(Result{Err: ErrClosed})
	}
}

// Close ends all workers, whatever they run, and waits for that.
func (p *Pool) Close() {
	p.do(p.beginClose)
	<-p.closed
}
