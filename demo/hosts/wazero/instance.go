package wasmpool

import (
	"context"
	"encoding/binary"
	"runtime"
	"strings"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
)

var origin = time.Now()

func now() float64 { return float64(time.Since(origin).Nanoseconds()) / 1e6 }

// wazero's interface has no call that makes a shared memory, so a module of one makes and exports it.
func memoryModule(minimum, maximum uint32) []byte {
	limits := binary.AppendUvarint(binary.AppendUvarint([]byte{1, 3}, uint64(minimum)), uint64(maximum))
	module := []byte{0, 'a', 's', 'm', 1, 0, 0, 0, 5, byte(len(limits))}
	return append(append(module, limits...), 7, 10, 1, 6, 'm', 'e', 'm', 'o', 'r', 'y', 2, 0)
}

// prepare compiles the module and defines what it imports.
func (p *Pool) prepare(wasm []byte, pages uint32) (err error) {
	features := api.CoreFeaturesV2 | experimental.CoreFeaturesThreads
	p.runtime = wazero.NewRuntimeWithConfig(p.ctx, wazero.NewRuntimeConfigCompiler().WithCoreFeatures(features).
		WithCloseOnContextDone(true)) // see the package: loops must come back to Go now and then
	const firstPages = 16
	memory := memoryModule(firstPages, pages)
	if _, err = p.runtime.InstantiateWithConfig(p.ctx, memory, wazero.NewModuleConfig().WithName("env")); err != nil {
		return err
	}
	i32 := []api.ValueType{api.ValueTypeI32}
	two, three := append(i32, i32...), []api.ValueType{api.ValueTypeI32, api.ValueTypeI32, api.ValueTypeI32}
	_, err = p.runtime.NewHostModuleBuilder("wasmpool").
		NewFunctionBuilder().WithGoFunction(api.GoFunc(func(_ context.Context, stack []uint64) {
		stack[0] = api.EncodeF64(now())
	}), nil, []api.ValueType{api.ValueTypeF64}).Export("now").
		NewFunctionBuilder().WithGoFunction(api.GoFunc(func(context.Context, []uint64) {
		p.ring()
	}), nil, nil).Export("ring").
		NewFunctionBuilder().WithGoFunction(api.GoFunc(func(_ context.Context, stack []uint64) {
		ctx, cancel := context.WithCancel(p.ctx)
		p.stops[uint32(stack[1])] = cancel
		go p.worker(ctx, uint32(stack[0]))
		stack[0] = 1
	}), three, i32).Export("start").
		NewFunctionBuilder().WithGoFunction(api.GoFunc(func(_ context.Context, stack []uint64) {
		p.stops[uint32(stack[0])]()
	}), two, nil).Export("stop").
		Instantiate(p.ctx)
	if err == nil {
		p.module, err = p.runtime.CompileModule(p.ctx, wasm)
	}
	if err == nil {
		p.main, err = p.instantiate()
	}
	return err
}

func (p *Pool) instantiate() (api.Module, error) {
	config := wazero.NewModuleConfig().WithName("").WithStartFunctions()
	return p.runtime.InstantiateModule(p.ctx, p.module, config)
}

// call is main's. The core never traps there unless it is broken.
func (p *Pool) call(name string, arguments ...uint32) uint64 {
	function := p.functions[name]
	if function == nil {
		function = p.main.ExportedFunction(name)
		p.functions[name] = function
	}
	for i, argument := range arguments {
		p.stack[i] = uint64(argument)
	}
	if err := function.CallWithStack(p.ctx, p.stack); err != nil {
		panic(name + ": " + err.Error())
	}
	return p.stack[0]
}

// worker is a thread of the pool: an instance that serves tasks until it is told to end.
func (p *Pool) worker(ctx context.Context, start uint32) {
	runtime.LockOSThread() // waits in wasm block the thread
	defer runtime.UnlockOSThread()
	defer func() { p.ends <- start }()
	instance, err := p.instantiate()
	if err != nil {
		return
	}
	defer instance.Close(p.ctx)
	call := func(name string, arguments ...uint64) (uint64, error) {
		results, err := instance.ExportedFunction(name).Call(ctx, arguments...)
		if len(results) == 0 {
			return 0, err
		}
		return results[0], err
	}
	if _, err = call("wp_host_attach", uint64(start)); err != nil {
		return
	}
	for goesOn := uint64(1); goesOn == 1; {
		_, trap := call("wp_host_run", uint64(start))
		stopped, err := call("wp_host_unstop", uint64(start))
		if trap == nil || err != nil {
			return
		}
		if goesOn, err = call("wp_host_trapped", uint64(start), kindOf(trap), stopped); err != nil {
			return
		}
	}
}

func kindOf(trap error) uint64 {
	switch text := trap.Error(); {
	case strings.Contains(text, "stack overflow"):
		return 1
	case strings.Contains(text, "out of bounds memory"):
		return 2
	}
	return 0
}
