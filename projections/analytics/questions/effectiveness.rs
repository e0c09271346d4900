use super::performance::OUTCOMES;
use super::{Filter, Question};

/// How well each channel works: of the deliveries that were tried, how many were delivered or accepted and did not come
/// back. Intervals are Wilson's, at 95 % (Wilson 1927, JASA 22). `adjusted_rate` is the rate the channel would have if
/// its deliveries were of the same mix of reports as all deliveries are (direct standardisation); `coverage` is the
/// share of that mix which the channel has deliveries of: below 1 the adjusted rate speaks of that share alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChannelEffectiveness {
    /// Of which deliveries; the time is when they closed.
    pub filter: Filter,
}

/// The 0.975 quantile of the normal distribution, squared.
const Z2: &str = "3.841458820694124";

impl From<ChannelEffectiveness> for Question {
    fn from(asked: ChannelEffectiveness) -> Self {
        let closed = Filter::on("closed_at");
        let sql = format!(
            "with cells as (
                select channel, report, count(*) as closed, {OUTCOMES},
                       sum(attempts)::bigint as attempts
                from deliveries where resend = 0 and {closed} group by channel, report
            ), times as (
                select channel, quantile_disc(close_us, [0.5, 0.95]) as close
                from deliveries where resend = 0 and outcome in ('delivered', 'accepted') and {closed}
                group by channel
            ), back as (
                select channel, report, count(*) as bounced from evidence
                where kind = 'bounced' and outcome = 'accepted' and resend = 0 and {closed} group by channel, report
            ), rated as (
                select cells.*, coalesce(bounced, 0) as bounced,
                       delivered + accepted - coalesce(bounced, 0) as reached,
                       delivered + accepted + dead_lettered + expired as tried
                from cells left join back using (channel, report)
            ), mix as (
                select report, sum(tried) / sum(sum(tried)) over () as weight from rated group by report
            ), adjusted as (
                select channel, sum(weight * reached / tried) / sum(weight) as adjusted_rate,
                       sum(weight) as coverage
                from rated join mix using (report) where tried > 0 group by channel
            ), sums as (
                select channel, sum(closed)::bigint as closed, sum(delivered)::bigint as delivered,
                       sum(accepted)::bigint as accepted, sum(bounced)::bigint as bounced,
                       sum(attempts)::bigint as attempts, sum(reached)::bigint as reached,
                       sum(tried)::bigint as tried
                from rated group by channel
            )
            select channel, closed, tried, delivered, accepted, bounced, reached,
                   reached / nullif(tried, 0) as rate,
                   (reached + {Z2} / 2 - sqrt({Z2} * (reached * (tried - reached) / nullif(tried, 0) + {Z2} / 4)))
                       / (tried + {Z2}) as rate_low,
                   (reached + {Z2} / 2 + sqrt({Z2} * (reached * (tried - reached) / nullif(tried, 0) + {Z2} / 4)))
                       / (tried + {Z2}) as rate_high,
                   adjusted_rate, coverage,
                   attempts / nullif(closed, 0) as attempts_each,
                   close[1] as close_p50_us, close[2] as close_p95_us
            from sums left join adjusted using (channel) left join times using (channel)
            order by channel"
        );
        Self { sql, values: asked.filter.values() }
    }
}
