/** celeriac: background tasks for TypeScript. */
export type { AfterTask, TaskEnd } from './app/afterTask.ts'
export { App, isApp, type JobFilter, type JobPage } from './app/app.ts'
export type { CeleriacOptions, Config } from './app/config.ts'
export type { RequestOptions } from './app/contextOptions.ts'
export { currentTask, requestContext, type TaskContext, urlFor } from './app/current.ts'
export type { JobError, JobInfo } from './app/info.ts'
export type { MessageInfo } from './app/messageInfo.ts'
export type { Middleware } from './app/middleware.ts'
export type { CallOptions, ErrorClass, RetryOptions, TaskExample, TaskOptions } from './app/options.ts'
export type { ContextValues, RequestContext } from './app/requestContext.ts'
export type { AsyncResult, EventOptions, RevokeOptions, TaskEvent, WaitOptions } from './app/result.ts'
export type { Run } from './app/run.ts'
export type { InferInput, InferOutput, Schema } from './app/schema.ts'
export type { Call } from './app/send.ts'
export type { Signals, TaskFacts } from './app/signals.ts'
export type { Submission } from './app/submission.ts'
export type { AnyTask, ObjectTask, Positional, ProgressOf, ResultOf, Task } from './app/task.ts'
export type { UrlQuery } from './app/urlFor.ts'
export type { WaitOutcome } from './app/wait.ts'
export type { WaitForOptions } from './app/waitFor.ts'
export type { WebhookOptions, WebhookSecret } from './app/webhookOptions.ts'
export type { ListFilter } from './backend/backend.ts'
export type { Note } from './backend/unitOfWork.ts'
export type { CallArgs, EntryTerms, Missed, Overlap, ScheduledOptions } from './beat/entry.ts'
export type { ScheduleInfo } from './beat/info.ts'
export type { NamedCall, ScheduledCall, ScheduleOptions, TypedCall } from './beat/options.ts'
export type { ScheduleChanges, Schedules } from './beat/schedules.ts'
export { at } from './beat/when/at.ts'
export { cron, type ZoneOptions } from './beat/when/cron.ts'
export { type CrontabOptions, crontab } from './beat/when/crontab.ts'
export { type EveryOptions, every } from './beat/when/every.ts'
export type {
  AtSpec,
  CronSpec,
  CrontabField,
  CrontabSpec,
  EverySpec,
  Schedule,
  ScheduleSpec,
  SolarEvent,
  SolarSpec,
} from './beat/when/schedule.ts'
export { solar } from './beat/when/solar.ts'
export type { QueueOptions } from './broker/queueOptions.ts'
export { Celeriac } from './celeriac.ts'
export type { LogLine } from './protocol/emission.ts'
export type { Properties } from './protocol/envelope.ts'
export type { DeliveryInfo, Job } from './protocol/job.ts'
export type { Embed, TaskHead, TaskMessage } from './protocol/message.ts'
export type { ErrorInfo } from './protocol/outcome.ts'
export { type PythonType, PythonValue } from './protocol/pythonValue.ts'
export type { Signature } from './protocol/signature.ts'
export * as states from './protocol/states.ts'
export type { Duration } from './std/duration.ts'
export type { Emitter } from './std/emitter.ts'
export * from './std/errors.ts'
export { createLogger, type LineLevel, type Logger, type LogLevel, type LogOption } from './std/log.ts'
export type { SecretUrl } from './std/secretUrl.ts'
