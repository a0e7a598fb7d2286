/**
 * `celeriac/testing`: `testApp`, which puts an app into a test under a fake clock; a proxy that breaks connections; the
 * conformance suites of the seams, for implementations from elsewhere, and the seams themselves.
 */
export type { ResultBackend } from '../backend/backend.ts'
export type {
  DeadLetter,
  DeadLetterBounds,
  DeadLetterFilter,
  DeadLetterPage,
  DeadLetterQuery,
  DeadLetterStore,
  Death,
  KeptDeadLetter,
  NewDeadLetter,
} from '../backend/dead/deadLetters.ts'
export type { Change, EventLog, History, HistoryQuery, LoggedChange, Output } from '../backend/eventLog.ts'
export type { JobIndex, ListFilter, MetaPage } from '../backend/jobIndex.ts'
export type { Note, NoteStore } from '../backend/notes.ts'
export type { RecordChange } from '../backend/recordChange.ts'
export type { RevokedIds } from '../backend/revokedIds.ts'
export type {
  ChangedJob,
  JobChange,
  Message,
  Reply,
  Settlement,
  Submission,
  SubmissionMetadata,
  UnitOfWork,
  Writing,
} from '../backend/unitOfWork.ts'
export type {
  Binding,
  Broker,
  ChangedMessage,
  ConsumeOptions,
  Consumer,
  Delivery,
  FoundMessage,
  MessageChange,
  PublishOptions,
  Purged,
  Queue,
  Route,
} from '../broker/broker.ts'
export type { LimitRule, LimitState, LimitStore } from '../broker/limits.ts'
export type { DeathReason } from '../protocol/deadLetterDocument.ts'
export type { Envelope, Properties } from '../protocol/envelope.ts'
export type { AbortReason, Job, Report } from '../protocol/job.ts'
export type { MessageEdit } from '../protocol/messageEdit.ts'
export type { ErrorInfo, Outcome, StopReason } from '../protocol/outcome.ts'
export type { TaskMeta } from '../protocol/result.ts'
export type { Recording } from '../recorder/recording.ts'
export type { StopSignal } from '../std/stopSignal.ts'
export type { Due, EntryChange, NewEntry, ScheduleStore, StoredEntry, StoredRun } from '../stores/scheduleStore.ts'
export type { Pool, RunOptions } from '../worker/pool/pool.ts'
export type { SentCall } from './app/sentCalls.ts'
export { type AdvanceOptions, type TestApp, type TestAppOptions, testApp } from './app/testApp.ts'
export type { OpenedBackend } from './backendFixture.ts'
export type { OpenedBroker } from './brokerFixture.ts'
export type { Kit } from './kit.ts'
export type { OpenedLimits } from './limitFixture.ts'
export type { Direction, ProxyConnection } from './proxy/proxyConnection.ts'
export { type ProxyTarget, startProxy, type TcpProxy } from './proxy/tcpProxy.ts'
export { backendSuite } from './suites/backendSuite.ts'
export { brokerSuite } from './suites/brokerSuite.ts'
export { eventLogSuite, SUITE_EVENT_LOG } from './suites/eventLogSuite.ts'
export { jobIndexSuite } from './suites/jobIndexSuite.ts'
export { changeSuite } from './suites/jobs/changeSuite.ts'
export { deadLetterSuite, SUITE_DEAD_LETTERS } from './suites/jobs/deadLetterSuite.ts'
export type { AgingBackend } from './suites/lifetimeSuite.ts'
export { lifetimeSuite } from './suites/lifetimeSuite.ts'
export { limitsSuite } from './suites/limitsSuite.ts'
export { notesSuite } from './suites/notesSuite.ts'
export { type OpenedPayloads, payloadSuite } from './suites/payloads/payloadSuite.ts'
export type { PoolTraits } from './suites/pool/poolCase.ts'
export type { MakePool } from './suites/pool/poolSuite.ts'
export { poolSuite } from './suites/pool/poolSuite.ts'
export { definePoolTasks } from './suites/pool/poolTasks.ts'
export { type OpenedRecording, recordingSuite } from './suites/recording/recordingSuite.ts'
export { revokedSuite } from './suites/revokedSuite.ts'
export type { OpenedScheduleStore } from './suites/schedulerSuite.ts'
export { schedulerSuite } from './suites/schedulerSuite.ts'
export type { OpenedStores } from './suites/unitOfWorkSuite.ts'
export { unitOfWorkSuite } from './suites/unitOfWorkSuite.ts'
