import { describe, expect, it } from 'vitest';
import type { Logger } from 'pino';
import type { Io } from '../../../src/cli/io.ts';
import { LOG_LEVELS, type LogLevel } from '../../../src/cli/log-level.ts';
import { createLogger } from '../../../src/cli/logger.ts';

const ESCAPE = '\u001b';

interface Logging {
  readonly logger: Logger;
  /** What stood on stderr since the last call. */
  readonly printed: () => string;
}

function open(options: { isTTY: boolean; level?: LogLevel; env?: Record<string, string> }): Logging {
  const stderr: string[] = [];
  const nobody = (): (() => void) => () => undefined;
  const io: Io = {
    env: options.env ?? {},
    cwd: '/',
    main: '',
    stdout: {
      write: () => {
        throw new Error('stdout carries the result only');
      },
    },
    stderr: { isTTY: options.isTTY, write: (text: string) => void stderr.push(text) },
    onSignal: nobody,
    onHangup: nobody,
    exitNow: (code) => {
      throw new Error(`exit ${code}`);
    },
  };
  return {
    logger: createLogger(io, options.level ?? 'info'),
    printed: () => stderr.splice(0).join(''),
  };
}

describe('the log of a pipe', () => {
  it('is a line of JSON for each event, with level and time in words', () => {
    const { logger, printed } = open({ isTTY: false });
    logger.warn({ event: 'held', name: 'orders', guard: 'widen' }, '2 lines → every line');
    const text = printed();
    expect(text).toMatch(/^[^\n]*\n$/);
    const { time, ...line } = JSON.parse(text) as Record<string, unknown>;
    expect(line).toEqual({
      level: 'warn',
      event: 'held',
      name: 'orders',
      guard: 'widen',
      msg: '2 lines → every line',
    });
    expect(new Date(String(time)).toISOString()).toBe(time);
  });

  it('has no character that could drive the terminal on which it is read, and loses no value', () => {
    const { logger, printed } = open({ isTTY: false });
    const hostile = 'a\u0007\u009b31m\u202e\u2028\nb';
    logger.info({ event: 'notice', url: hostile }, hostile);
    const text = printed();
    expect(text.trimEnd()).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
    expect(JSON.parse(text)).toMatchObject({ url: hostile, msg: hostile });
  });

  it('has no colour, whatever is wished for', () => {
    const { logger, printed } = open({ isTTY: false, env: { FORCE_COLOR: '1' } });
    logger.error({ event: 'pass_failed' }, 'cannot list');
    expect(printed()).not.toContain(ESCAPE);
  });
});

describe('the log of a terminal', () => {
  const plain = { isTTY: true, env: { NO_COLOR: '1' } };

  it('is a line for people: time, level, event, words, and the fields behind', () => {
    const { logger, printed } = open(plain);
    logger.warn({ event: 'held', name: 'orders', guard: 'widen' }, 'it widens');
    expect(printed()).toMatch(/^\d\d:\d\d:\d\d warn {2}held {2}it widens {2}name=orders guard=widen\n$/);
  });

  it('shows what is no text as JSON, and nothing where there is nothing', () => {
    const { logger, printed } = open({ ...plain, level: 'debug' });
    logger.debug({ event: 'pass_ended', triggers: ['start'], seconds: 0.5, error: null }, 'over');
    expect(printed()).toMatch(/ debug pass_ended {2}over {2}triggers=\["start"\] seconds=0.5 error=null\n$/);
    logger.info('words alone');
    expect(printed()).toMatch(/ info {2}words alone\n$/);
    logger.info({ event: 'stopped' });
    expect(printed()).toMatch(/ info {2}stopped\n$/);
  });

  it('has no character that could drive it', () => {
    const { logger, printed } = open(plain);
    const hostile = `a${ESCAPE}[31m\u0007\u202e\r\nb`;
    logger.info({ event: hostile, url: hostile, [hostile]: [hostile] }, hostile);
    expect(printed().slice(0, -1)).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
  });

  it.each([
    ['warn', `${ESCAPE}[33mwarn `],
    ['error', `${ESCAPE}[31merror`],
  ] as const)('colours %s where colour is wanted', (level, coloured) => {
    const { logger, printed } = open({ isTTY: true, env: { FORCE_COLOR: '1' } });
    logger[level]({ event: 'notice' }, 'look');
    expect(printed()).toContain(coloured);
    const bare = open(plain);
    bare.logger[level]({ event: 'notice' }, 'look');
    expect(bare.printed()).not.toContain(ESCAPE);
  });
});

describe('the level', () => {
  it.each(LOG_LEVELS.filter((level) => level !== 'silent'))('%s is the least that is said', (level) => {
    const { logger, printed } = open({ isTTY: false, level });
    const levels = LOG_LEVELS.filter((each) => each !== 'silent');
    for (const each of levels) logger[each]({ event: 'notice' }, each);
    const said = printed()
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as { level: string }).level);
    expect(said).toEqual(levels.slice(levels.indexOf(level)));
  });

  it('silent says nothing', () => {
    const { logger, printed } = open({ isTTY: true, level: 'silent' });
    logger.error({ event: 'pass_failed' }, 'cannot list');
    expect(printed()).toBe('');
  });
});
