import { RedisScene } from './redisScene.ts'
import type { Scene } from './scene.ts'
import { SqliteScene } from './sqliteScene.ts'

/** Every store that a scene can be played on, and how to set it up for a lease, ms. */
export const STAGES: readonly (readonly [store: string, open: (lease: number) => Promise<Scene>])[] = [
  ['sqlite', async (lease) => new SqliteScene(lease)],
  ['redis', (lease) => RedisScene.open(lease)],
]
