import type { Hono } from 'hono'
import { App as CoreApp } from './app/app.ts'
import { internalsOf } from './app/internals.ts'
import type { ScheduledCall } from './beat/options.ts'
import type { ScheduleOptions } from './beat/scheduleOptions.ts'
import { Schedules } from './beat/schedules.ts'
import type { Schedule } from './beat/when/schedule.ts'
import type { SentListener } from './calls/stores.ts'
import type { CeleriacOptions } from './config/config.ts'
import type { ContextValues } from './config/requestValues.ts'
import type { SentEvents } from './events/sentEvents.ts'
import { createHttp, type HttpOptions } from './http/api.ts'
import type { Schema } from './std/schema.ts'
import { enable, endpointNotes, endpointUrl } from './webhook/endpoint.ts'
import { addWebhooks } from './webhook/webhooks.ts'

/** An application without HTTP and schedules: tasks, stores and settings. */
export class App<Context extends Schema<ContextValues> = Schema<ContextValues>> extends CoreApp<Context> {
  constructor(options: CeleriacOptions<Context> = {}) {
    super(options)
    addWebhooks(this)
    internalsOf(this).onForget(async (filters) => (await import('./recorder/forgetHere.ts')).forgetHere(this, filters))
    if (this.config.taskSentEvents && !this.config.alwaysEager) internalsOf(this).onSent(sentEvents(this))
  }
}

/** The events of the option `taskSentEvents`. Their code is loaded by the first call. */
function sentEvents(app: CoreApp): SentListener {
  let loading: Promise<SentEvents> | undefined
  const load = async (): Promise<SentEvents> => new (await import('./events/sentEvents.ts')).SentEvents(app)
  return {
    sent: (prepared) => {
      loading ??= load()
      void loading.then((events) => events.sent(prepared))
    },
    close: async () => (await loading)?.close(),
  }
}

/** An application: tasks, stores, settings, and its face to HTTP. */
export class Celeriac<Context extends Schema<ContextValues> = Schema<ContextValues>> extends App<Context> {
  /** The schedule as it is stored, and changes to it while the app runs. */
  readonly schedules: Schedules = new Schedules(this)

  /**
   * Have a task sent at times: `when` is `cron()`, `crontab()`, `every()`, `at()` or `solar()`; `call` a task, its
   * name, or `{ task, args, options }`. A beat sends it: `celeriac beat`, `worker -B` or `dev`. Throws ArgumentError
   * for what cannot be scheduled.
   */
  schedule<Call>(name: string, when: Schedule, call: ScheduledCall<Call>, options?: ScheduleOptions): this {
    this.schedules.define(name, when, call, options)
    return this
  }

  /**
   * Let deliveries go to a webhook's endpoint again that was disabled because it failed. True when it was disabled.
   * Rejects with ConfigError where the result backend keeps nothing of endpoints, so that none is disabled, and with
   * ArgumentError for what is no URL.
   */
  async enableWebhook(url: string): Promise<boolean> {
    return enable(endpointUrl(url), await endpointNotes(this))
  }

  /** The REST API of the exposed tasks, as a Hono app: serve it, or mount it in a larger one. */
  http(options: HttpOptions): Hono {
    return createHttp(this, options)
  }
}
