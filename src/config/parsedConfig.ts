import type { QueueOptions } from '../broker/queueOptions.ts'
import type { Codec } from '../codec/codec.ts'
import type { PayloadConfig } from '../payloads/payloadOptions.ts'
import type { Clock } from '../std/clock.ts'
import type { Logger } from '../std/log.ts'
import type { SecretUrl } from '../std/secretUrl.ts'
import type { DeadLetterConfig, Exchanges } from './queueOptions.ts'
import type { RecorderConfig } from './recorderOptions.ts'
import type { RequestConfig } from './requestOptions.ts'
import type { ParsedRouter } from './routeOptions.ts'
import type { WebhookConfig } from './webhookOptions.ts'

/** An app's options as parsed: every value present, times in ms. */
export interface Config {
  readonly name: string
  readonly broker: SecretUrl
  readonly backend: SecretUrl
  /** Of the store that keeps the limits; undefined where the broker does. */
  readonly limits: SecretUrl | undefined
  /** What to know of the place of the default store; undefined where there is nothing, or a broker was named. */
  readonly storeWarning: string | undefined
  readonly queue: string
  readonly route: ParsedRouter | undefined
  readonly serializer: 'json' | 'msgpack'
  readonly resultSerializer: 'json' | 'msgpack'
  readonly accept: readonly ('json' | 'msgpack')[]
  readonly typedJson: boolean
  /** ms */
  readonly resultExpires: number
  /** Of these four undefined: any amount. */
  readonly maxResults: number | undefined
  readonly maxResultBytes: number | undefined
  readonly maxEvents: number | undefined
  readonly maxEventBytes: number | undefined
  readonly keyPrefix: string
  /** ms */
  readonly lease: number
  /** ms */
  readonly visibilityTimeout: number
  /** ms; undefined: the store's own default. */
  readonly storeTimeout: number | undefined
  readonly durability: 'normal' | 'full'
  readonly queues: Readonly<Record<string, QueueOptions>>
  /** Of each queue whose own options say no other number; 0: none. */
  readonly maxQueueLength: number
  /** The same in bytes. */
  readonly maxQueueBytes: number
  readonly onFull: 'reject' | 'drop-oldest'
  /** Those of `queues`; undefined without any. */
  readonly exchanges: Exchanges | undefined
  readonly ignoreResult: boolean
  /** ms */
  readonly timeLimit: number | undefined
  readonly softTimeLimit: number | undefined
  readonly trackStarted: boolean
  /** ms */
  readonly unknownTaskTimeout: number
  readonly eventLog: number
  readonly deadLetters: DeadLetterConfig
  readonly taskEvents: boolean
  readonly taskSentEvents: boolean
  readonly alwaysEager: boolean
  /** Seals payloads; undefined where none is sealed. */
  readonly codec: Codec | undefined
  readonly webhooks: WebhookConfig | undefined
  readonly payloads: PayloadConfig | undefined
  readonly request: RequestConfig
  readonly recorder: RecorderConfig
  /** Where the application is, as `configure` was given it. */
  readonly folder: string | undefined
  readonly clock: Clock
  readonly logger: Logger
}
