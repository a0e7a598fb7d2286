/** celeriac: background tasks for TypeScript. */

export type { AfterTask, TaskEnd } from './app/afterTask.ts'
export { isApp } from './app/app.ts'
export type { JobFilter, JobPage } from './app/jobPage.ts'
export type { HookOptions } from './app/lifeCycle/hookOptions.ts'
export type { ChildFacts, ChildHook, WorkerFacts, WorkerHook } from './app/lifeCycle/hooks.ts'
export type { LayerOptions, Processing, Publication, PublishedCall } from './app/lifeCycle/layers.ts'
export type { LimitListFilter, Limits, LimitTarget, SharedLimit } from './app/limits/limits.ts'
export type { Signals, TaskFacts } from './app/signals.ts'
export type { StoreInfo, StoreVersion } from './app/storeInfo.ts'
export type { ListFilter } from './backend/jobIndex.ts'
export type { Note } from './backend/notes.ts'
export type { CallArgs, EntryTerms, Missed, Overlap, ScheduledOptions } from './beat/entry.ts'
export type { ScheduleCondition, ScheduleInfo } from './beat/info.ts'
export type { NamedCall, ScheduledCall, TypedCall } from './beat/options.ts'
export type { ScheduleOptions } from './beat/scheduleOptions.ts'
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
export type { FoundMessage } from './broker/broker.ts'
export { type ExchangeKind, workerDirect } from './broker/broker.ts'
export type { BreakerChange, BreakerState, LimitRule, LimitState } from './broker/limits.ts'
export type { QueueOptions } from './broker/queueOptions.ts'
export type {
  AsyncResult,
  EventOptions,
  ResultHandle,
  RevokeOptions,
  Submission,
  TaskEvent,
  WaitOptions,
} from './calls/asyncResult.ts'
export type {
  DeadLetterList,
  DeadLetterListFilter,
  DeadLetterSelection,
  DeadLetters,
  DropLettersOptions,
  DroppedLetters,
  LetterEdit,
} from './calls/dead/deadLetters.ts'
export type { DeadLetterChoice, DeadLetterContent, DeadLetterInfo, DeathInfo } from './calls/dead/info.ts'
export type { RedrivenLetters, RedriveOptions } from './calls/dead/redriving.ts'
export type { GroupResult, MemberResult } from './calls/groupResult.ts'
export type { JobError, JobInfo } from './calls/jobInfo.ts'
export type { ForgetFilter, ForgetJobsOptions } from './calls/jobs/forgetJobs.ts'
export type { JobChanges } from './calls/jobs/jobChanges.ts'
export type { RetriedJobs, RetryFilter, RetryJobsOptions } from './calls/jobs/retryJobs.ts'
export type { RevokedJobs, RevokeFilter, RevokeJobsOptions } from './calls/jobs/revokeJobs.ts'
export type { Call } from './calls/prepareCall.ts'
export type {
  AnyTask,
  BatchResultOf,
  BatchTask,
  InputTask,
  ObjectTask,
  Positional,
  ProgressOf,
  ResultOf,
  Task,
} from './calls/task.ts'
export type { WaitOutcome } from './calls/wait.ts'
export { Chain, Chord, chain, chord, Group, group, Signature } from './calls/workflow.ts'
export type { HeaderOptions, SignatureOptions, WorkflowOptions } from './calls/workflowOptions.ts'
export type { BodyList } from './calls/workflowTypes.ts'
export { App, Celeriac } from './celeriac.ts'
export type { Codec, SealedBytes, SealedField, SealedPlace } from './codec/codec.ts'
export type { CallOptions } from './config/callOptions.ts'
export type { CeleriacOptions, Config } from './config/config.ts'
export type { DeadLetterOptions } from './config/queueOptions.ts'
export type { RequestOptions } from './config/requestOptions.ts'
export type { ContextValues } from './config/requestValues.ts'
export type {
  BackoffFunction,
  BackoffOption,
  CallRetryOptions,
  ErrorClass,
  RetryOptions,
} from './config/retryOptions.ts'
export type { RoutedCall, RouteRule, Router, Routes, TaskRoute } from './config/routeOptions.ts'
export type { BatchOptions } from './config/task/batchOptions.ts'
export type {
  BreakerOptions,
  ConcurrencyOptions,
  FairOptions,
  KeyFunction,
  LimitReference,
  RateLimitOptions,
  SharedLimitOptions,
  UsesOption,
} from './config/task/limitOptions.ts'
export type {
  DebounceOptions,
  KeyOption,
  ThrottleOptions,
  UniqueOptions,
  UniqueWhile,
} from './config/task/onceOptions.ts'
export type { TaskOptions } from './config/taskOptions.ts'
export type { RateLimit, TaskExample } from './config/taskValues.ts'
export type { WebhookOptions, WebhookSecret } from './config/webhookOptions.ts'
export type { LogLine } from './protocol/emission.ts'
export type { Properties } from './protocol/envelope.ts'
export type { FailedTask } from './protocol/failedTask.ts'
export type { ForgottenJobs, RemovedParts } from './protocol/forgottenJobs.ts'
export type { DeliveryInfo, Job } from './protocol/job.ts'
export type { LimitName } from './protocol/limits.ts'
export type { Embed, TaskHead, TaskMessage } from './protocol/message.ts'
export type { MemberEnd, MemberError, OnError } from './protocol/onError.ts'
export type { ErrorInfo } from './protocol/outcome.ts'
export { type PythonType, PythonValue } from './protocol/pythonValue.ts'
export type { Concealed, SensitivePath } from './protocol/repr.ts'
export type { SignatureData, SignatureLike } from './protocol/signature.ts'
export * as states from './protocol/states.ts'
export type { WorkflowEdge, WorkflowNode, WorkflowTree } from './protocol/workflowTree.ts'
export type { RequestContext } from './request/requestContext.ts'
export type { UrlQuery } from './request/urlFor.ts'
export type { Clock } from './std/clock.ts'
export type { Duration } from './std/duration.ts'
export type { Emitter } from './std/emitter.ts'
export * from './std/errors.ts'
export { createLogger, type LineLevel, type Logger, type LogLevel, type LogOption } from './std/log.ts'
export type { Middleware } from './std/middleware.ts'
export type { InferInput, InferOutput, Schema } from './std/schema.ts'
export type { SecretUrl } from './std/secretUrl.ts'
export type { BatchContext, BatchItem, ItemEnd, ItemResult } from './tasks/batch/batchItem.ts'
export { currentTask, requestContext, type TaskContext, urlFor } from './tasks/current.ts'
export type { MessageInfo } from './tasks/messageInfo.ts'
export type { Resource, ResourceOptions } from './tasks/resource.ts'
export type { Run } from './tasks/runJob.ts'
export type { TaskHooks, TaskReturn } from './tasks/taskHooks.ts'
export type { WaitForOptions } from './tasks/waitTypes.ts'
