import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

export interface CertificateFiles {
  readonly key: string
  readonly certificate: string
  /** What it is for. Default: localhost and 127.0.0.1. */
  readonly names?: string
}

/** Write a key and a certificate, signed by itself, for a day. */
export async function writeCertificate(files: CertificateFiles): Promise<void> {
  const { key, certificate, names = 'DNS:localhost,IP:127.0.0.1' } = files
  const kind = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
  const subject = ['-subj', '/CN=localhost', '-addext', `subjectAltName=${names}`]
  await promisify(execFile)('openssl', ['req', ...kind, ...subject, '-keyout', key, '-out', certificate])
}
