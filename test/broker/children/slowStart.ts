import { isMainThread } from 'node:worker_threads'

/* Imported by every thread of a process (`--import`): threads start as slowly as on a very busy machine. */

if (!isMainThread) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2500)
