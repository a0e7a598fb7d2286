/*
 * What a worker may be asked to do, each as `POST /workers/{name}/{action}`: names alone, for the table of routes;
 * workerActions.ts has the rest.
 */

export const WORKER_ACTIONS = [
  'quiet',
  'resume',
  'shutdown',
  'pool-grow',
  'pool-shrink',
  'pool-restart',
  'autoscale',
  'add-consumer',
  'cancel-consumer',
  'rate-limit',
  'time-limit',
  'enable-events',
  'disable-events',
  'heartbeat',
] as const

export type WorkerAction = (typeof WORKER_ACTIONS)[number]
