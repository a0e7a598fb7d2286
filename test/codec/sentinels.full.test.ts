import { afterAll, beforeAll, beforeEach, describe } from 'vitest'
import { useLab } from '../app/lab.ts'
import { emptySchema } from '../postgres/shared.ts'
import { emptyRabbit } from '../rabbitmq/shared.ts'
import { RedisServer } from '../redis/server.ts'
import { postgresText, rabbitText, redisText, sqliteText } from './dump.ts'
import { searches } from './sentinelScene.ts'

/* As sentinels.test.ts, on servers. */

describe('Redis', () => {
  let server: RedisServer
  beforeAll(async () => {
    server = await RedisServer.start({ flags: ['--save', '900 1'] })
  })
  afterAll(() => server.stop())
  beforeEach(() => server.cli('FLUSHALL'))
  const lab = useLab('redis', () => server.url())
  searches({ lab, text: () => redisText(server) })
})

describe('PostgreSQL', () => searches({ lab: useLab('postgres', emptySchema), text: ({ url }) => postgresText(url) }))

describe('RabbitMQ, with results in SQLite', () =>
  searches({
    lab: useLab('rabbitmq', emptyRabbit),
    text: async (lab) => sqliteText(lab) + (await rabbitText(lab.url, ['later'])),
    absent: ['entry'],
  }))
