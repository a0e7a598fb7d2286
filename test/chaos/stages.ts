import { inFull } from '../tier.ts'
import { RedisScene } from './redisScene.ts'
import type { Scene } from './scene.ts'
import { SqliteScene } from './sqliteScene.ts'

type Stage = readonly [store: string, open: (lease: number) => Promise<Scene>]

/** Stores that a scene can be played on, and how to set them up for a lease, ms: in the full run each, else SQLite. */
export const STAGES: readonly Stage[] = [
  ['sqlite', async (lease) => new SqliteScene(lease)],
  ...inFull<Stage>(['redis', (lease) => RedisScene.open(lease)]),
]
