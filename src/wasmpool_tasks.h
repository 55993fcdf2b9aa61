/* A part of wasmpool.h, which includes it: how a program defines its tasks, and what runs before them. */
#ifndef WASMPOOL_TASKS_H
#define WASMPOOL_TASKS_H

/* In modules of which each worker has an instance (wasmpool-config --isolated), the names are also in a section of the module, where the
 * pool reads them without running anything. */
#ifdef WP_ISOLATED
#define WP__LIST_TASK(task_name)                                                                   \
  __asm__(".section .custom_section.wasmpool.tasks,\"\",@\n.asciz \"" #task_name "\"\n");
#else
#define WP__LIST_TASK(task_name)
#endif

/* In C++ an exception that leaves a task's function fails the task: with its what(), if it is a std::exception. In wasm that takes
 * -fwasm-exceptions or -fexceptions, at compiling and linking; without them C++ cannot catch anything, and what is thrown fails the task
 * as a trap does. */
#if defined(__cplusplus) && defined(__cpp_exceptions)
#define WP__CALL_TASK(function, task) wp_detail::call_task(function, task)
#else
#define WP__CALL_TASK(function, task) function(task)
#endif

#ifdef __cplusplus
#define WP__C_SYMBOL extern "C"
#else
#define WP__C_SYMBOL extern
#endif

/* WP_TASK(name) { …; return wp_task_result(task, …); }   defines and registers a C task; the body's parameter is `task`.
 * The name must be new in the whole program: a second task of that name does not link. */
#define WP_TASK(task_name)                                                                         \
  WP__LIST_TASK(task_name)                                                                         \
  WP__C_SYMBOL void wp_task_named_##task_name(void);                                               \
  static wp_status wp_task_body_##task_name(wp_task *task);                                        \
  static wp_status wp_task_run_##task_name(wp_task *task) {                                        \
    return WP__CALL_TASK(wp_task_body_##task_name, task);                                          \
  }                                                                                                \
  __attribute__((constructor)) static void wp_task_register_##task_name(void) {                    \
    static wp_task_entry entry = {#task_name, wp_task_run_##task_name, NULL};                      \
    wp_task_register(&entry);                                                                      \
  }                                                                                                \
  void wp_task_named_##task_name(void) {}                                                          \
  static wp_status wp_task_body_##task_name(wp_task *task)

/* WP_USE(name)   in any file that is linked for certain: also links the task of this name, if it lies in a static library. Nobody refers
 * to a task by its symbol, so linkers leave out members of libraries that hold nothing else. The library stands behind it in the
 * command. Without a source file: -Wl,--export=wp_task_named_NAME in wasm, -Wl,-u,wp_task_named_NAME natively; for all
 * tasks of a library: -Wl,--whole-archive. */
#define WP_USE(task_name)                                                                          \
  WP__C_SYMBOL void wp_task_named_##task_name(void);                                               \
  __attribute__((constructor)) static void wp_use_##task_name(void) { wp_task_named_##task_name(); }

/* WP_INIT(name) { …; }   code that runs once before any task: for tables, and for libraries that must be set up by one thread. What it
 * allocates stays. In wasm that is linked with the core it runs on main's thread while the module is loaded, so it should be short; in a
 * module of which each worker has an instance, once in each instance, so again after a kill; natively before main(), or when the
 * library is loaded. The name must be new in its file; the order of several is not defined. It may not call the pool. If it traps or calls
 * abort() or exit(), the pool does not start (START_FAILED). */
#define WP_INIT(init_name) __attribute__((constructor)) static void wp_init_##init_name(void)

#endif
