import { createHash, randomBytes } from 'node:crypto';

/** What a secret opens; its readable prefix, so that one found in a log or a script says what it is. */
export type SecretKind = 'enroll' | 'api';

const PREFIX: Record<SecretKind, string> = { enroll: 'cordon_enroll_', api: 'cordon_api_' };

/** 256 random bits. */
export function newSecret(kind: SecretKind): string {
  return PREFIX[kind] + randomBytes(32).toString('base64url');
}

/** What the store keeps: SHA-256, hex. A guessable secret would need a slow hash; 256 random bits do not. */
export function hashSecret(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}
