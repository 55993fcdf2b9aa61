;; A module that nobody here wrote, for those who have none at hand: three ways to misbehave, and an answer.
(module
  (memory (export "memory") 1)
  (func (export "answer") (result i32) (i32.const 42))
  (func (export "loop_for_ever") (loop $again (br $again)))
  (func (export "grow_for_ever") (result i32)
    (loop $again (br_if $again (i32.ne (memory.grow (i32.const 256)) (i32.const -1))))
    (memory.size))
  (func $deeper (export "recurse_for_ever") (param i32) (result i32)
    (i32.add (i32.const 1) (call $deeper (local.get 0)))))
