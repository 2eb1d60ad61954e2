// The server explains its decisions in English sentences of a fixed form. In Korean the known forms are said in
// Korean; a sentence that is not known stays as it is, rather than being half translated.

import { language } from './i18n.js';

const KOREAN = [
  [/^(?:(.+?) now, )?(.+?) expected in (\d+) min \((.+?) to (.+?)\), limit (.+?), (\d+%) sure to miss it$/,
    (now, value, minutes, low, high, limit, sure) =>
      `${now ? `현재 ${now}, ` : ''}${minutes}분 뒤 ${value} 예상 (${low}~${high}), 한도 ${limit}, 초과 확률 ${sure}`],
  [/^(.+?) now, over the limit of (.+)$/, (now, limit) => `현재 ${now}, 한도 ${limit} 초과`],
  [/^(\S+) of (\d+) attempts failed \(limit (.+?)\)$/, (share, n, limit) => `시도 ${n}건 중 ${share} 실패 (한도 ${limit})`],
  [/^playbook (\S+) holds it at (\S+) of its weight$/, (name, share) => `플레이북 ${name}에 따라 가중치의 ${share}로 제한`],
  [/^takes over from (.+)$/, (channels) => `${channels} 채널의 트래픽을 넘겨받음`],
  [/^the weight in the configuration$/, () => '설정 파일의 가중치'],
  [/^on its way back to the configured weight, a bounded step at a time$/, () => '설정된 가중치로 조금씩 되돌아가는 중'],
  [/^(favoured|spared): the budget (.+) is expected to overrun$/,
    (which, name) => `예산 ${name} 초과가 예상되어 ${which === 'favoured' ? '더 저렴한 이 채널을 우선함' : '이 채널을 덜 씀'}`],
  [/^back to its configured weight$/, () => '설정된 가중치로 복귀'],
  [/^the forecast trouble is over; its share returns$/, () => '예측된 문제가 해소되어 비중을 되돌림'],
  [/^healthy again; its share returns$/, () => '다시 정상이므로 비중을 되돌림'],
  [/^makes room for (\S+), whose share returns$/, (channel) => `${channel} 채널의 비중을 되돌리도록 자리를 내줌`],
  [/^undid decision (\S+); held for (\d+) min$/, (id, minutes) => `결정 ${id}을(를) 되돌리고 ${minutes}분간 유지`],
  [/^gives back what it had taken over$/, () => '넘겨받은 트래픽을 돌려줌'],
  [/^budget (\S+): (\S+) expected of (\S+), favours it$/, (name, value, limit) => `예산 ${name}: ${limit} 중 ${value} 예상, 더 저렴한 이 채널을 우선함`],
  [/^budget (\S+): (\S+) expected of (\S+), spares it$/, (name, value, limit) => `예산 ${name}: ${limit} 중 ${value} 예상, 이 채널을 덜 씀`],
  [/^(\d+) of (\d+) attempts failed in (\d+) min \((.*)\); other channels fail (\S+)$/,
    (failed, n, minutes, kinds, peers) => `${minutes}분간 시도 ${n}건 중 ${failed}건 실패 (${kinds}), 다른 채널의 실패율은 ${peers}`],
  [/^(\d+) of (\d+) attempts were throttled in (\d+) min$/, (hit, n, minutes) => `${minutes}분간 시도 ${n}건 중 ${hit}건이 속도 제한에 걸림`],
  [/^(moved|would move) (\S+) on (\S+) from (\S+) to (\S+)$/,
    (did, channel, route, before, after) => `${route}에서 ${channel} 비중을 ${before}에서 ${after}(으)로 ${did === 'moved' ? '옮김' : '옮길 예정이었음'}`],
  [/^\S+ is in trouble: [a-z ]+ \((.*)\)$/, (evidence) => inWords(evidence)],
  [/^(ran|would run) playbook (\S+)$/, (did, name) => `플레이북 ${name} ${did === 'ran' ? '실행' : '실행 예정이었음'}`],
  [/^acted on (\d+) of them$/, (n) => `그중 ${n}개 채널에 조치`],
  [/^failure ratio is (\S+), (\S+) would be usual \(.+\)$/, (value, usual) => `실패율 ${value}, 평소 ${usual}`],
  [/^[a-z0-9 ]+ is (.+), (.+) would be usual \(.+\)$/, (value, usual) => `현재 ${value}, 평소 ${usual}`],
  [/^(?:region|provider) (.+): (\d+) of (\d+) channels are in trouble$/, (name, bad, all) => `${name}: 채널 ${all}개 중 ${bad}개에 문제`],
  [/^all places: (\d+) of (\d+) channels are in trouble$/, (bad, all) => `채널 ${all}개 중 ${bad}개에 문제`],
  [/^budget (\S+) (is spent|is expected to overrun): (\S+) so far, (\S+) by the end, limit (\S+)$/,
    (name, state, spent, end, limit) => `예산 ${name}: 현재 ${spent}, 기간 말 ${end} 예상, 한도 ${limit}${state === 'is spent' ? ' (소진됨)' : ''}`],
  [/^the control loop did not tick: the gateway served the last plan, then the configured weights$/,
    () => '제어 루프가 돌지 않는 동안 게이트웨이는 마지막 계획으로, 그 뒤에는 설정된 가중치로 처리함'],
  [/^(\d+) of (\d+) moves are graded$/, (n, all) => `조치 ${all}건 중 ${n}건만 평가됨`],
  [/^(\S+) of them helped, at least (\S+) must$/, (share, least) => `그중 ${share}만 도움이 됨 (최소 ${least})`],
  [/^(\S+) were wrong \(hurt or false alarm\), at most (\S+) may$/, (share, most) => `${share}가 틀림 (최대 ${most})`],
  [/^(\S+) hurt, at most (\S+) may$/, (share, most) => `${share}가 해가 됨 (최대 ${most})`],
  [/^(\S+) of (\S+) hours at this stage have passed$/, (n, all) => `이 단계에서 ${all}시간 중 ${n}시간 경과`],
  [/^(?:the trouble (came|did not come|went on|was over); )?moved requests (were|would have been): (\S+) failed or late → (\S+)((?:, .+)?)$/,
    (came, did, before, after, rest) =>
      `${came ? `문제가 ${{ came: '발생함', 'went on': '이어짐', 'was over': '이미 끝남' }[came] ?? '발생하지 않음'}. ` : ''}옮긴 요청${did === 'were' ? '' : '이었다면'}: 실패·지연 ${before} → ${after}${rest.replace(' per 1000', ' (1000건당)')}`],
  [/^not to be told: (\d+) attempts where the requests came from$/, (n) => `판단 불가: 옮기기 전 채널의 시도 ${n}건`],
  [/^(routing|budget|optimum|playbooks|tuning) does not act any more; its share returns$/,
    (name) => `${{ routing: '라우팅', budget: '예산', optimum: '최적 비중', playbooks: '플레이북', tuning: '자동 조정' }[name]} 기능이 더는 실행하지 않아 비중을 되돌림`],
  [/^cheapest shares(?: that keep (\S+) under (.+?))?: (\S+) an hour, saves (\S+?)(?:; held by (.+))?$/,
    (share, limit, hourly, saved, held) =>
      `${share ? `요청 ${share}를 ${limit} 안에 지키는 ` : ''}가장 저렴한 비중: 시간당 ${hourly}, ${saved} 절감${held ? ` (제약: ${held})` : ''}`],
  [/^back to its configured weight: (.+)$/, (why) => `설정된 가중치로 되돌림: ${inWords(why)}`],
  [/^the configured weights cost hardly more$/, () => '설정된 가중치가 거의 더 비싸지 않음'],
  [/^the optimum is (\d+) min old: the configured weights stand in$/, (n) => `최적 비중이 ${n}분 전 것이어서 설정된 가중치를 씀`],
  [/^no shares keep every promise \((.*)\): the configured weights stand in$/, (why) => `모든 약속을 지키는 비중이 없어 설정된 가중치를 씀 (${why})`],
  [/^(\S+) on (\S+) from (\S+%) to (\S+%)$/, (channel, route, before, after) => `${route}에서 ${channel} 비중을 ${before}에서 ${after}(으)로`],
  [/^(\d+) requests answered by another channel, (\S+) s later on average$/, (n, late) => `요청 ${n}건에 다른 채널이 대신 응답, 평균 ${late}초 지연`],
  [/^the breaker opened: new requests pass the channel by$/, () => '차단기가 열려 새 요청은 이 채널을 건너뜀'],
  [/^in force for (\d+) s$/, (n) => `${n}초 동안 적용`],
  [/^nothing is held any more$/, () => '걸어 둔 제한 없음'],
  [/^lifted$/, () => '제한 해제됨'],
  [/^waited$/, () => '기다림'],
  [/^lift the bound at once; it ends by itself otherwise$/, () => '제한을 바로 해제, 그대로 두면 저절로 끝남'],
  [/^nothing to undo(?:: .+)?$/, () => '되돌릴 것 없음'],
  [/^enable the key (.+) again$/, (key) => `키 ${key} 다시 활성화`],
  [/^call the undo of the hook (\S+), where it has one$/, (name) => `훅 ${name}의 되돌리기 호출 (있는 경우)`],
  [/^too few requests to tell; held as it is$/, () => '판단하기에 요청이 너무 적어 그대로 둠'],
  [/^it would be done here$/, () => '실제로는 여기서 실행됨'],
  [/^it made things worse: (.+)$/, (what) => `상황이 나빠짐: ${inWords(what)}`],
  [/^the canary of (\S+) did harm: (.+)$/, (step, what) => `${step} 단계의 일부 적용이 해가 됨: ${inWords(what)}`],
  [/^its time was up and it had not shown that it helps: (.*)$/, (what) => `시간 안에 도움이 된다는 것이 확인되지 않음: ${inWords(what)}`],
  [/^the step (\S+) failed: (.+)$/, (step, what) => `${step} 단계 실패: ${inWords(what)}`],
  [/^(\S+) has priority$/, (name) => `${name}이(가) 우선함`],
  [/^(?:somebody wants it undone|somebody said no)$/, () => '사람이 되돌리거나 거절함'],
  [/^nobody said yes in time$/, () => '제때 승인되지 않음'],
  [/^the trouble is over$/, () => '문제가 끝남'],
  [/^the incident is over$/, () => '장애가 끝남'],
  [/^nothing was done: it only says what it would do$/, () => '실제로 한 것은 없고, 무엇을 할지만 보여 줌'],
  [/^(.+): yes \((.*)\)$/, (expr, values) => `${expr}: 충족 (${values})`],
  [/^(.+): no \((.*)\)$/, (expr, values) => `${expr}: 미충족 (${values})`],
  [/^(\S+): (\d+) of (\d+) attempts in (\d+) s$/, (kind, n, all, seconds) => `${seconds}초간 시도 ${all}건 중 ${n}건이 ${kind}`],
  [/^playbook (\S+) on (\S+)$/, (name, channel) => `${channel}에 플레이북 ${name}`],
];

export function inWords(sentence) {
  const text = String(sentence ?? '');
  if (language() !== 'ko') return text;
  for (const [form, say] of KOREAN) {
    const match = form.exec(text);
    if (match) return say(...match.slice(1));
  }
  return text;
}
