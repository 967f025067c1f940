import { expect } from 'chai';
import { completed, configSchema, parseHostPort, type AgentSettings } from '../../../agent/config.js';
import { ConfigError, loadConfig } from '../../../shared/config/load.js';

function load(flags: Record<string, unknown>, environment: Record<string, string> = {}): AgentSettings {
  return loadConfig(configSchema, { flags, environment, environmentPrefix: 'CORDON_AGENT', file: undefined });
}

describe('the settings of the agent', () => {
  it('need nothing but the server', () => {
    expect(completed(load({ server: 'cordon.example.com' }))).to.deep.include({
      server: { host: 'cordon.example.com', port: 7444 },
      agent_server: [{ host: 'cordon.example.com', port: 7443 }],
      data_dir: '/var/lib/cordon-agent',
      enforcer: 'auto',
      keepalive_seconds: 30,
    });
    expect(completed(load({}))).to.equal(undefined);
  });

  it('take addresses of both versions, with and without a port', () => {
    expect(parseHostPort('192.0.2.1:99', 1)).to.deep.equal({ host: '192.0.2.1', port: 99 });
    expect(parseHostPort('[2001:db8::1]:99', 1)).to.deep.equal({ host: '2001:db8::1', port: 99 });
    expect(parseHostPort('2001:db8::1', 1)).to.deep.equal({ host: '2001:db8::1', port: 1 });
    for (const wrong of ['', 'a b', 'host:', 'host:0', 'host:70000', '[::1', 'http://host:1']) {
      expect(parseHostPort(wrong, 1), wrong).to.equal(undefined);
    }
  });

  it('take lists from the environment', () => {
    const settings = load({}, { CORDON_AGENT_AGENT_SERVER: 'a.example:1, b.example' });
    expect(settings.agent_server).to.deep.equal([
      { host: 'a.example', port: 1 },
      { host: 'b.example', port: 7443 },
    ]);
  });

  it('tell users about the isolation unless they are told not to', () => {
    expect(load({}).notify_users).to.equal(true);
    expect(load({}, { CORDON_AGENT_NOTIFY_USERS: 'false' }).notify_users).to.equal(false);
    expect(load({ notify_users: false }).notify_users).to.equal(false);
  });

  it('name the wrong key and the rule', () => {
    const cases: [Record<string, unknown>, RegExp][] = [
      [{ server: 'http://x' }, /^--server: .*HOST:PORT/],
      [{ ca_fingerprint: 'abc' }, /^--ca-fingerprint: .*64 hex digits/],
      [{ enforcer: 'iptables' }, /^--enforcer: must be one of auto, wfp, nftables, recording/],
      [{ log_level: 'loud' }, /^--log-level: must be one of/],
      [{ keepalive_seconds: '0' }, /^--keepalive-seconds: must be 1 to 600 seconds/],
      [{ helper_services: 'a;b' }, /^--helper-services: must be the name of a systemd unit/],
      [{ notify_users: 'perhaps' }, /^--notify-users: must be true or false/],
      [{ sever: 'x' }, /^--sever: unknown key/],
    ];
    for (const [flags, message] of cases) expect(() => load(flags)).to.throw(ConfigError, message);
  });
});
