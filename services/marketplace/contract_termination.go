package marketplace

import (
	"strings"

	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	"kompass.krz.de/services/platform/days"
	"kompass.krz.de/services/platform/fault"
)

// terminate is the termination of a contract that a request asks for, without its actor; today is the day of the request.
func terminate(c *marketplacev1.Contract, req *marketplacev1.TerminateContractRequest, today string) (*marketplacev1.ContractTermination, error) {
	switch contractState(c, today) {
	case contractTerminated:
		return nil, terminationForbidden(c, today, "end_date", "der Vertrag ist schon zum "+days.German(endOf(c))+" gekündigt", "the contract is terminated to "+endOf(c)+" already")
	case contractOver:
		return nil, terminationForbidden(c, today, "end_date", "der Vertrag endete am "+days.German(endOf(c)), "the contract ended on "+endOf(c))
	}
	notice := req.GetNoticeDate()
	if notice == "" {
		notice = today
	}
	if err := checkNotice(req, notice, today); err != nil {
		return nil, err
	}
	var end string
	var err error
	if req.GetExtraordinary() {
		end, err = extraordinaryEnd(c, notice, req.GetEndDate())
	} else {
		end, err = ordinaryEnd(c, notice, req.GetEndDate(), today)
	}
	if err != nil {
		return nil, err
	}
	return &marketplacev1.ContractTermination{NoticeDate: notice, EndDate: end, Extraordinary: req.GetExtraordinary(), Note: req.GetNote()}, nil
}

// checkNotice looks at the request alone.
func checkNotice(req *marketplacev1.TerminateContractRequest, notice, today string) error {
	bad, wrong := fault.New(fault.InvalidField), false
	blame := func(field, de, en string) {
		bad, wrong = bad.Field(field, de, en), true
	}
	if checkDay("notice_date", notice, blame) && notice > today {
		blame("notice_date", "liegt in der Zukunft", "is in the future")
	}
	checkDay("end_date", req.GetEndDate(), blame)
	if req.GetExtraordinary() && strings.TrimSpace(req.GetNote()) == "" {
		blame("note", "fehlt: Eine außerordentliche Kündigung hat einen Grund", "is missing: a termination out of turn has a reason")
	}
	if wrong {
		return bad
	}
	return nil
}

// extraordinaryEnd is the end that a notice out of turn sets: at once when none is wanted.
func extraordinaryEnd(c *marketplacev1.Contract, notice, wanted string) (string, error) {
	earliest, latest := max(notice, c.GetStartDate()), endOf(c)
	bad := fault.New(fault.InvalidField)
	switch {
	case wanted == "":
		return earliest, nil
	case wanted < earliest:
		return "", bad.Field("end_date", "ist frühestens der "+days.German(earliest), "is "+earliest+" at the earliest")
	case latest != "" && wanted > latest:
		return "", bad.Field("end_date", "liegt nach dem Ende des Vertrags am "+days.German(latest), "is after the contract ends on "+latest)
	}
	return wanted, nil
}

// ordinaryEnd is the end that a notice sets which keeps its period: the end of a term, or any day when there are no terms.
// Without a wanted one it is the earliest.
func ordinaryEnd(c *marketplacev1.Contract, notice, wanted, today string) (string, error) {
	if last := endOf(c); last != "" {
		return "", terminationForbidden(c, today, "extraordinary", "der Vertrag endet am "+days.German(last)+" von selbst; früher nur außerordentlich",
			"the contract ends by itself on "+last+"; earlier only out of turn")
	}
	terms := c.GetEndDate() != ""
	end := func(from string) string {
		if terms {
			return termEnd(c.GetEndDate(), int(c.GetRenewalMonths()), from)
		}
		return from
	}
	earliest := end(max(plusMonths(notice, int(c.GetNoticeMonths())), c.GetStartDate()))
	switch {
	case wanted == "":
		return earliest, nil
	case wanted < earliest:
		return "", terminationForbidden(c, today, "end_date",
			"die Kündigung vom "+days.German(notice)+" kommt dafür zu spät; möglich ist frühestens der "+days.German(earliest),
			"the notice of "+notice+" is too late for that; possible is "+earliest+" at the earliest")
	case end(wanted) != wanted:
		return "", fault.New(fault.InvalidField).Field("end_date",
			"ist kein Ende einer Laufzeit; das nächste ist der "+days.German(end(wanted)), "is not the end of a term; the next one is "+end(wanted))
	}
	return wanted, nil
}

// terminationForbidden says why a contract cannot be terminated like this.
func terminationForbidden(c *marketplacev1.Contract, today, field, de, en string) error {
	code := strings.TrimPrefix(contractState(c, today).String(), "STATE_")
	return fault.New(fault.StateForbids, "resource", c.GetName(), "state", code, "verb", "terminate").Field(field, de, en)
}
