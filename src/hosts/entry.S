# What must happen before any C code of an instance runs, and the globals that each instance has of its own. Instances share the memory, but
# every one starts with the same stack pointer: each but main's needs a stack of its own.

	.globaltype	__stack_pointer, i32
	.functype	wp__hosts_init () -> (i32)
	.functype	wp__hosts_trapped (i32, i32, i32) -> (i32)

# Where this instance's stack begins and ends. `wasmpool instrument --stack` puts a comparison with the end behind each store of the pointer.
	.globl	wasmpool_stack_end
	.globaltype	wasmpool_stack_end, i32
wasmpool_stack_end:
	.globaltype	wasmpool_stack_top, i32
wasmpool_stack_top:

# The record of this instance's thread, for the loop checks. `wasmpool instrument` sets the initial value to one with which no check traps.
	.globl	wasmpool_thread
	.globaltype	wasmpool_thread, i32
wasmpool_thread:

# 1: the loops have checks. `wasmpool instrument` sets the initial value.
	.globl	wasmpool_checks
	.globaltype	wasmpool_checks, i32
wasmpool_checks:

# Main's instance, once, before anything else. Returns the version of the interface.
	.section	.text.wp_host_init,"",@
	.globl	wp_host_init
	.export_name	wp_host_init, wp_host_init
	.type	wp_host_init,@function
wp_host_init:
	.functype	wp_host_init () -> (i32)
	i32.const	__stack_low
	global.set	wasmpool_stack_end
	global.get	__stack_pointer
	global.set	wasmpool_stack_top
	call	wp__hosts_init
	end_function

#ifdef __wasm_atomics__
# (start): a worker's instance, before anything else. The offsets are those of wp_port_thread (port/host.h).
	.functype	__wasm_init_tls (i32) -> ()
	.functype	wp__hosts_attach (i32) -> ()
	.section	.text.wp_host_attach,"",@
	.globl	wp_host_attach
	.export_name	wp_host_attach, wp_host_attach
	.type	wp_host_attach,@function
wp_host_attach:
	.functype	wp_host_attach (i32) -> ()
	local.get	0
	i32.load	4
	global.set	wasmpool_stack_end
	local.get	0
	i32.load	0
	global.set	wasmpool_stack_top
	local.get	0
	i32.load	0
	global.set	__stack_pointer
	local.get	0
	i32.load	8
	call	__wasm_init_tls
	local.get	0
	call	wp__hosts_attach
	local.get	0
	i32.load	12
	global.set	wasmpool_thread
	end_function
#endif

# (start, kind, stopped): after a trap. It has left the stack pointer where it was.
	.section	.text.wp_host_trapped,"",@
	.globl	wp_host_trapped
	.export_name	wp_host_trapped, wp_host_trapped
	.type	wp_host_trapped,@function
wp_host_trapped:
	.functype	wp_host_trapped (i32, i32, i32) -> (i32)
	global.get	wasmpool_stack_top
	global.set	__stack_pointer
	local.get	0
	local.get	1
	local.get	2
	call	wp__hosts_trapped
	end_function
